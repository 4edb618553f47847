#' factsurv: fine-tuning of language models as a time-to-event process
#'
#' The statistics of a study: [read_table()] reads the event table, [plan_fits()] lists the fits that a plan asks for,
#' [run_fit()] runs one of them, [analyse()] all. The models themselves are [km_curves()], [score_test()], [cox()],
#' [cox_firth()],
#' [cox_stratified()], [rmst_difference()], [sensitivity()],
#' [compare_arms()], [influence_tables()], [cloglog()], [cox_mixed()]
#' and [frailty_gamma()]; each takes a data.frame and plain arguments.
#'
#' @keywords internal
"_PACKAGE"
