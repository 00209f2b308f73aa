# Curves, competing risks and Fine-Gray on heavily tied people: what R says.
#
#     Rscript tests/parity/scripts/curves.R tests/parity
#
# writes data/curves.csv (120 people on 24 days) and expected/curves*.csv. Made with R 4.2.2,
# survival 3.5-3, cmprsk 2.2-11.
suppressMessages({library(survival); library(cmprsk)})
folder <- commandArgs(TRUE)[1]
set.seed(20240611)
n <- 120
people <- data.frame(
  person = seq_len(n), arm = rbinom(n, 1, 0.5), x = round(rnorm(n), 3), site = sample(1:6, n, TRUE),
  stratum = rbinom(n, 1, 0.4), weight = round(runif(n, 0.3, 3), 3)
)
people$day <- pmin(24, 1 + rgeom(n, 0.09 * exp(0.4 * people$x - 0.3 * people$arm)))
people$cause <- ifelse(people$day == 24, 0, sample(0:2, n, TRUE, c(0.3, 0.45, 0.25)))
people$entry <- pmax(0, people$day - 1 - rgeom(n, 0.15))
write.csv(people, file.path(folder, "data", "curves.csv"), row.names = FALSE)
p <- people
p$event <- as.integer(p$cause == 1)
p$state <- factor(p$cause, 0:2, c("none", "event", "competing"))

rows <- list()
add <- function(block, term, day = NA, value = NA, std_error = NA, lower = NA, upper = NA) {
  rows[[length(rows) + 1]] <<- data.frame(block, term, day, value, std_error, lower, upper)
}

# Kaplan-Meier and Nelson-Aalen
curve <- function(block, fit) {
  s <- summary(fit, times = fit$time)
  add(block, "survival", s$time, s$surv, s$std.err, s$lower, s$upper)
  add(block, "hazard", fit$time, fit$cumhaz, fit$std.chaz)
  add(block, "at risk", fit$time, fit$n.risk)
}
for (scale in c("plain", "log", "log-log", "logit", "arcsin")) {
  fit <- survfit(Surv(day, event) ~ 1, p, conf.type = scale)
  curve(paste("unweighted", scale), fit)
  q <- quantile(fit, c(0.1, 0.25, 0.5))
  add(paste("unweighted", scale), "quantile", c(0.1, 0.25, 0.5), q$quantile, NA, q$lower, q$upper)
}
curve("weighted", survfit(Surv(day, event) ~ 1, p, weights = weight, robust = TRUE, conf.type = "log-log"))
curve("clustered", survfit(Surv(day, event) ~ 1, p, weights = weight, cluster = site, conf.type = "log-log"))
curve("delayed", survfit(Surv(entry, day, event) ~ 1, p, weights = weight, id = person, robust = TRUE, conf.type = "log-log"))

# Aalen-Johansen
states <- function(block, fit) {
  for (k in 1:3) add(block, fit$states[k], fit$time, fit$pstate[, k], fit$std.err[, k])
}
states("states unweighted", survfit(Surv(day, state) ~ 1, p))
states("states weighted", survfit(Surv(day, state) ~ 1, p, weights = weight))
# With several states survfit of survival 3.5-3 takes `cluster` and does not use it: its error is that
# of independent people. Its influences, weighted and summed within sites, give the clustered one.
fit <- survfit(Surv(day, state) ~ 1, p, weights = weight, cluster = site, influence = TRUE)
states("states cluster not used", fit)
by_site <- apply(fit$influence.pstate, 2:3, function(each) sqrt(sum(rowsum(p$weight * each, p$site)^2)))
stopifnot(nrow(by_site) == length(fit$time) + 1)
fit$std.err <- by_site[-1, ]
states("states clustered", fit)
states("states delayed", survfit(Surv(entry, day, state) ~ 1, p, weights = weight, id = person))

# Restricted means: infinitesimal jackknife; and what survfit prints, which is wrong with weights
for (tau in c(10, 20)) {
  fit <- survfit(Surv(day, event) ~ 1, p, weights = weight, robust = TRUE)
  table <- summary(fit, rmean = tau)$table
  r <- residuals(fit, times = tau, type = "auc", weighted = TRUE)
  add("weighted", "restricted mean", tau, table["rmean"], sqrt(sum(r^2)))
  add("weighted", "restricted mean as printed", tau, table["rmean"], table["se(rmean)"])
  multi <- survfit(Surv(day, state) ~ 1, p, weights = weight)
  r <- residuals(multi, times = tau, type = "auc", weighted = TRUE)
  add("weighted", "time lost", tau, summary(multi, rmean = tau)$table["event", "rmean"], sqrt(sum(r[, 2]^2)))
}

# Pseudo-observations: survival::pseudo, and leave-one-out by refitting
whole <- survfit(Surv(day, event) ~ 1, p)
height <- function(fit) summary(fit, times = 10, extend = TRUE)$surv
mean20 <- function(fit) unname(summary(fit, rmean = 20)$table["rmean"])
one_out <- function(number) {
  sapply(seq_len(n), function(i) {
    n * number(whole) - (n - 1) * number(survfit(Surv(day, event) ~ 1, p[-i, ]))
  })
}
pseudo_rows <- data.frame(
  person = p$person,
  survival_infinitesimal = as.vector(pseudo(whole, times = 10)),
  restricted_mean_infinitesimal = as.vector(pseudo(whole, times = 20, type = "rmst")),
  survival_leave_one_out = one_out(height), restricted_mean_leave_one_out = one_out(mean20)
)

# Gray's test
gray <- function(block, ...) {
  tests <- cuminc(p$day, p$cause, ...)$Tests
  add(block, rownames(tests), NA, tests[, "stat"], NA, tests[, "pv"])
}
gray("Gray two groups", p$arm)
gray("Gray six groups", p$site)
gray("Gray six groups, strata", p$site, strata = p$stratum)
gray("Gray two groups, rho 1", p$arm, rho = 1)

# Fine-Gray
z <- cbind(arm = p$arm, x = p$x)
for (k in 1:2) {
  for (grouped in c(FALSE, TRUE)) {
    group <- if (grouped) p$stratum else rep(1, n)
    fit <- crr(p$day, p$cause, z, failcode = k, cengroup = group, gtol = 1e-13, maxiter = 50)
    block <- paste0("crr ", k, if (grouped) ", grouped")
    add(block, colnames(z), NA, fit$coef, sqrt(diag(fit$var)))
    add(block, "log pseudo-likelihood", NA, fit$loglik)
    path <- predict(fit, c(1, 0.5))
    add(block, "incidence", path[, 1], path[, 2])
  }
  for (ties in c("breslow", "efron")) {
    for (delayed in c(FALSE, TRUE)) {
      d <- if (delayed) {
        finegray(Surv(entry, day, state) ~ ., p, id = person, etype = levels(p$state)[k + 1])
      } else finegray(Surv(day, state) ~ ., p, etype = levels(p$state)[k + 1])
      fit <- coxph(Surv(fgstart, fgstop, fgstatus) ~ arm + x, d, weights = fgwt, cluster = person,
                   ties = ties, control = coxph.control(eps = 1e-11, toler.chol = 1e-13, iter.max = 50))
      block <- paste0("finegray ", ties, " ", k, if (delayed) ", delayed")
      add(block, names(coef(fit)), NA, coef(fit), sqrt(diag(vcov(fit))))
      add(block, "log pseudo-likelihood", NA, fit$loglik[2])
    }
  }
}

full <- function(table) {
  for (name in names(table)) if (is.numeric(table[[name]])) {
    table[[name]] <- ifelse(is.na(table[[name]]), "", sprintf("%.17g", table[[name]]))
  }
  table
}
write.csv(full(do.call(rbind, rows)), file.path(folder, "expected", "curves.csv"), row.names = FALSE, quote = TRUE)
write.csv(full(pseudo_rows), file.path(folder, "expected", "curves_pseudo.csv"), row.names = FALSE, quote = FALSE)
