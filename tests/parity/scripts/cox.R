# Cox regression and log-rank tests of R's survival on simulated, heavily tied days.
#
#   Rscript tests/parity/scripts/cox.R tests/parity
#
# writes data/cox_people.csv, data/cox_intervals.csv (simulated, seed below) and expected/cox.csv,
# which holds one number a row: model, quantity, term, place, value. Rows of people in file order.
suppressPackageStartupMessages(library(survival))
folder <- commandArgs(trailingOnly = TRUE)[1]
at <- function(...) file.path(folder, ...)

# One row a person: days 1 to 14, a third of the events shared with many others.
set.seed(20240229)
n <- 160
people <- data.frame(person = seq_len(n), arm = rbinom(n, 1, .45), age = sample(18:70, n, TRUE),
                     use = rbinom(n, 1, .3), dose = sample(0:3, n, TRUE), region = sample(1:3, n, TRUE),
                     site = sample(1:11, n, TRUE))
hazard <- .11 * exp(.5 * people$arm - .02 * (people$age - 40) + .4 * people$use + .1 * people$region)
time <- ceiling(rexp(n, hazard)); limit <- sample(3:14, n, TRUE)
people$day <- pmin(time, limit); people$event <- as.integer(time <= limit)
people$entry <- pmin(sample(0:4, n, TRUE) * rbinom(n, 1, .5), people$day - 1)
people$weight <- round(rgamma(n, 3, 3) + .1, 3); people$known <- round(rnorm(n, 0, .3), 2)

# Intervals: every person's days cut in up to four, `use` and the weight changing from one to the next.
cut_up <- function(i) {
  p <- people[i, ]
  inner <- setdiff(seq_len(p$day), p$day)
  cuts <- sort(c(0, inner[runif(length(inner)) < .25], p$day))
  k <- length(cuts) - 1
  data.frame(person = p$person, entry = cuts[-(k + 1)], day = cuts[-1], event = c(rep(0, k - 1), p$event),
             arm = p$arm, age = p$age, use = rbinom(k, 1, .4), region = p$region, site = p$site,
             weight = round(rgamma(k, 4, 4) + .1, 3))
}
intervals <- do.call(rbind, lapply(seq_len(n), cut_up))
intervals <- intervals[sample(nrow(intervals)), ]
write.csv(people, at("data", "cox_people.csv"), row.names = FALSE, quote = FALSE)
write.csv(intervals, at("data", "cox_intervals.csv"), row.names = FALSE, quote = FALSE)
people <- read.csv(at("data", "cox_people.csv")); intervals <- read.csv(at("data", "cox_intervals.csv"))

found <- list()
keep <- function(model, quantity, term, value, place = "")
  found[[length(found) + 1]] <<- data.frame(model, quantity, term, place, value = as.numeric(value))
tight <- coxph.control(eps = 1e-11, iter.max = 100, toler.chol = 1e-12)
transforms <- c("km", "identity", "rank", "log")

describe <- function(model, fit, plain, rows, profiles = NULL, vectors = TRUE) {
  names <- names(coef(fit))
  keep(model, "coefficient", names, coef(fit))
  keep(model, "model error", names, sqrt(diag(if (is.null(fit$naive.var)) fit$var else fit$naive.var)))
  if (!is.null(fit$naive.var)) keep(model, "robust error", names, sqrt(diag(fit$var)))
  keep(model, "log likelihood", c("zero", "maximum"), fit$loglik)
  keep(model, "score test", "all", fit$score)
  if (!is.null(fit$rscore)) keep(model, "robust score test", "all", fit$rscore)
  for (transform in transforms) {
    z <- cox.zph(plain, transform = transform, terms = FALSE)$table
    keep(model, paste("zph", transform), rownames(z), z[, "chisq"])
  }
  if (vectors) {
    place <- 1:40  # of the rows in file order: enough to see a wrong one
    keep(model, "martingale", "all", residuals(plain, "martingale")[place], place)
    s <- as.matrix(residuals(plain, "score")); b <- as.matrix(residuals(plain, "dfbeta"))
    for (j in seq_along(names)) {
      keep(model, "score residual", names[j], s[place, j], place)
      keep(model, "dfbeta", names[j], b[place, j], place)
    }
    r <- as.matrix(residuals(plain, "schoenfeld"))
    times <- suppressWarnings(as.numeric(rownames(r)))
    if (!is.null(attr(residuals(plain, "schoenfeld"), "strata")) || anyNA(times)) times <- rep(0, nrow(r))
    for (j in seq_along(names)) {
      sums <- tapply(r[, j], times, sum)  # tied events have no order
      keep(model, "schoenfeld", names[j], sums, names(sums))
      squares <- tapply(r[, j]^2, times, sum)
      keep(model, "schoenfeld squared", names[j], squares, names(sums))
    }
  }
  base <- basehaz(plain, centered = FALSE)
  if (is.null(base$strata)) keep(model, "hazard", "all", base$hazard, base$time)
  else keep(model, "hazard", as.character(base$strata), base$hazard, base$time)
  if (!is.null(profiles)) for (i in seq_len(nrow(profiles))) {
    s <- summary(survfit(plain, newdata = profiles[i, , drop = FALSE], se.fit = TRUE), times = c(1, 4, 9, 14), extend = TRUE)
    keep(model, "survival", paste("profile", i), s$surv, s$time)
    keep(model, "survival error", paste("profile", i), s$std.err, s$time)
  }
}

profiles <- data.frame(arm = c(1, 0), age = c(30, 55), use = c(0, 1))
for (ties in c("efron", "breslow")) {
  name <- function(x) paste(ties, x)
  fit <- function(formula, data, ...)
    do.call(coxph, list(formula, data = data, ties = ties, control = tight, x = TRUE, model = TRUE, ...))
  f <- fit(Surv(day, event) ~ arm + age + use, people)
  describe(name("plain"), f, f, people, profiles)
  p <- fit(Surv(day, event) ~ arm + age + use, people, weights = people$weight, robust = FALSE)
  describe(name("weights"), fit(Surv(day, event) ~ arm + age + use, people, weights = people$weight, robust = TRUE), p, people, profiles)
  p <- fit(Surv(day, event) ~ arm + age + use + strata(region), people)
  describe(name("strata"), p, p, people, vectors = FALSE)
  p <- fit(Surv(entry, day, event) ~ arm + age + use, people)
  describe(name("entry"), p, p, people, profiles, vectors = FALSE)
  p <- fit(Surv(day, event) ~ arm + age + use + offset(known), people)
  describe(name("offset"), p, p, people, vectors = FALSE)
  p <- fit(Surv(day, event) ~ arm + age + use, people)
  describe(name("cluster"), fit(Surv(day, event) ~ arm + age + use, people, cluster = people$site), p, people, vectors = FALSE)
  p <- fit(Surv(entry, day, event) ~ arm + age + use + strata(region), people, weights = people$weight, robust = FALSE)
  describe(name("everything"), fit(Surv(entry, day, event) ~ arm + age + use + strata(region), people, weights = people$weight, cluster = people$site), p, people)
  p <- fit(Surv(entry, day, event) ~ arm + age + use, intervals, weights = intervals$weight, robust = FALSE)
  describe(name("intervals"), fit(Surv(entry, day, event) ~ arm + age + use, intervals, weights = intervals$weight, cluster = intervals$person), p, intervals, profiles)
  describe(name("intervals by site"), fit(Surv(entry, day, event) ~ arm + age + use, intervals, weights = intervals$weight, cluster = intervals$site), p, intervals, vectors = FALSE)
}

# The test of proportional hazards by term: dose as a factor of four levels.
f <- coxph(Surv(day, event) ~ arm + factor(dose), people, control = tight)
for (transform in transforms) {
  z <- cox.zph(f, transform = transform)$table
  keep("efron factor", paste("zph", transform), rownames(z), z[, "chisq"])
}

log_rank <- function(model, t) {
  total <- function(x) if (is.matrix(x)) rowSums(x) else x  # over strata
  k <- length(total(t$obs))
  keep(model, "observed", seq_len(k), total(t$obs))
  keep(model, "expected", seq_len(k), total(t$exp))
  keep(model, "variance", as.vector(outer(seq_len(k), seq_len(k), paste)), as.vector(t$var))
  keep(model, "chi squared", "all", t$chisq)
}
log_rank("log-rank arm", survdiff(Surv(day, event) ~ arm, people))
log_rank("log-rank dose", survdiff(Surv(day, event) ~ dose, people))
log_rank("log-rank dose by region", survdiff(Surv(day, event) ~ dose + strata(region), people))
w <- coxph(Surv(day, event) ~ factor(dose), people, weights = weight, robust = TRUE, ties = "breslow", control = tight)
keep("weighted log-rank dose", "chi squared", "all", w$rscore)
w <- coxph(Surv(entry, day, event) ~ arm + strata(region), people, weights = weight, cluster = site, ties = "breslow", control = tight)
keep("weighted log-rank arm by region and site", "chi squared", "all", w$rscore)

# Estimated weights: the coefficient's derivative by the propensity model, by refitting coxph at moved
# coefficients of that model, times each person's influence on these; added to dfbeta.
design <- model.matrix(~ age + use + factor(region), people)
propensity <- glm(arm ~ age + use + factor(region), binomial, people, control = glm.control(1e-14, 60))
weights_at <- function(gamma, estimand) {
  e <- plogis(drop(design %*% gamma)); a <- people$arm
  tilt <- switch(estimand, ATE = 1, ATT = e, ATO = e * (1 - e))
  tilt / ifelse(a == 1, e, 1 - e)
}
gamma <- coef(propensity); e <- fitted(propensity)
influence <- (design * (people$arm - e)) %*% solve(crossprod(design * sqrt(e * (1 - e))))
for (ties in c("efron", "breslow")) for (estimand in c("ATE", "ATT", "ATO")) {
  fit <- function(gamma) {
    w <- weights_at(gamma, estimand)
    do.call(coxph, list(Surv(day, event) ~ arm, data = people, weights = w, ties = ties, control = tight, robust = TRUE))
  }
  slope <- sapply(seq_along(gamma), function(j) {
    h <- 1e-3 / sd(c(design[, j], 0)); step <- replace(numeric(length(gamma)), j, h)
    b <- sapply(c(-2, -1, 1, 2), function(k) coef(fit(gamma + k * step)))
    (b[1] - 8 * b[2] + 8 * b[3] - b[4]) / (12 * h)
  })
  f <- fit(gamma)
  model <- paste(ties, estimand)
  keep(model, "coefficient", "arm", coef(f))
  keep(model, "robust error", "arm", sqrt(diag(f$var)))
  keep(model, "stacked error", "arm", sqrt(sum((residuals(f, "dfbeta", weighted = TRUE) + influence %*% slope)^2)))
  sums <- tapply(residuals(f, "dfbeta", weighted = TRUE) + influence %*% slope, people$site, sum)
  keep(model, "stacked error by site", "arm", sqrt(sum(sums^2)))
}

out <- do.call(rbind, found)
out$value <- trimws(formatC(out$value, digits = 15, format = "g"))
write.csv(out, at("expected", "cox.csv"), row.names = FALSE, quote = FALSE)
writeLines(c(paste("R", getRversion()), paste("survival", packageVersion("survival"))), at("expected", "cox_versions.txt"))
