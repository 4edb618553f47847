library(testthat)
library(factsurv)

test_check("factsurv")
