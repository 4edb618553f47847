# Extracted from test-plan.R:55

# prequel ----------------------------------------------------------------------
events <- simulate_events(facts = 120L, rules = c("first", "sustained2"))

# test -------------------------------------------------------------------------
tables <- analyse(events, standard_plan(rules = c("first", "sustained2")))
columns <- contract_columns()
expect_named(tables, names(columns))
of_states <- c("occupation", "sojourns", "transition_counts", "transition_coefficients")
for (name in names(columns)) {
    expect_equal(vapply(tables[[name]], typeof, ""), columns[[name]], info = name)
    elsewhere <- c("variances", "random_effects", "arms", "aft", "turnbull", of_states) # other studies have these
    expect_true(name %in% elsewhere || nrow(tables[[name]]) > 0L, info = name)
  }
