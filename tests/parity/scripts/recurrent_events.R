# Makes data/recurrent_events.csv and expected/recurrent_events.csv (R 4.2.2, survival 3.5-3).
#   Rscript scripts/recurrent_events.R        (from tests/parity)
# Relapses in days, heavily tied, with deaths, entries after day 0, days out of the at-risk set
# after a relapse, and weights.
suppressPackageStartupMessages(library(survival))
options(digits = 17)
set.seed(20)
rows <- list()
for (person in 0:79) {
  arm <- person %% 2
  weight <- sample(c(0.5, 0.8, 1, 1.5, 2.3), 1)
  start <- sample(c(0, 0, 0, 3, 6), 1)
  ends <- start + sample(5:40, 1)
  dies <- runif(1) < 0.3
  repeat {
    gap <- 1 + rgeom(1, 0.08 + 0.05 * arm)
    if (start + gap >= ends || (length(rows) && sum(sapply(rows, function(r) r$person == person)) > 6)) {
      both <- dies && runif(1) < 0.3
      rows[[length(rows) + 1]] <- data.frame(person, arm, weight, start, stop = ends,
                                             events = as.integer(both), terminal = as.integer(dies))
      break
    }
    rows[[length(rows) + 1]] <- data.frame(person, arm, weight, start, stop = start + gap,
                                           events = 1L, terminal = 0L)
    start <- start + gap + sample(c(0, 0, 2, 5), 1)
    if (start >= ends) break
  }
}
data <- do.call(rbind, rows)
write.csv(data, "data/recurrent_events.csv", row.names = FALSE, quote = FALSE)

out <- list()
add <- function(estimator, term, estimate, std_error = NA)
  out[[length(out) + 1]] <<- data.frame(estimator, term, estimate, std_error)
days <- c(7, 14, 21, 28)

# Mean cumulative function, robust (infinitesimal jackknife) standard error
for (a in 0:1) for (w in c("none", "weight")) {
  d <- data[data$arm == a, ]
  d$w <- if (w == "none") 1 else d$weight
  fit <- survfit(Surv(start, stop, events) ~ 1, data = d, id = person, weights = w, robust = TRUE)
  s <- summary(fit, times = days)
  for (i in seq_along(days))
    add("survfit cumhaz", sprintf("arm=%d;weights=%s;t=%d", a, w, days[i]), s$cumhaz[i], s$std.chaz[i])
}

# Ghosh-Lin: own R code. Ties share a risk set; the standard error is the root of the sum of squared
# weight times numerical derivative by each person's weight.
ghosh_lin <- function(d, w, tau) {
  alive <- 1; total <- 0
  for (t in sort(unique(d$stop[d$stop <= tau]))) {
    n <- sum(w[d$start < t & d$stop >= t])
    total <- total + alive * sum((w * d$events)[d$stop == t]) / n
    alive <- alive * (1 - sum((w * d$terminal)[d$stop == t]) / n)
  }
  total
}
for (a in 0:1) for (w in c("none", "weight")) for (t in days) {
  d <- data[data$arm == a, ]
  base <- if (w == "none") rep(1, nrow(d)) else d$weight
  influence <- sapply(unique(d$person), function(p) {
    h <- 1e-4; up <- down <- base; mine <- d$person == p
    up[mine] <- base[mine] * (1 + h); down[mine] <- base[mine] * (1 - h)
    (ghosh_lin(d, up, t) - ghosh_lin(d, down, t)) / (2 * h)
  })
  add("Ghosh-Lin", sprintf("arm=%d;weights=%s;t=%d", a, w, t), ghosh_lin(d, base, t), sqrt(sum(influence^2)))
}

# Cox models for recurrent events, weighted, clustered by person
d <- data[order(data$person, data$start), ]
d$before <- ave(d$events, d$person, FUN = cumsum) - d$events
d$origin <- 0
for (i in seq_len(nrow(d))[-1]) if (d$person[i] == d$person[i - 1])
  d$origin[i] <- if (d$events[i - 1] == 1) d$stop[i - 1] else d$origin[i - 1]
cox <- function(name, formula, d, ties) {
  fit <- coxph(formula, data = d, weights = weight, cluster = person, ties = ties, control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50))
  add(name, ties, coef(fit)[["arm"]], sqrt(vcov(fit)["arm", "arm"]))
}
w <- do.call(rbind, lapply(1:3, function(k) {
  r <- d[d$before < k, ]; r$k <- k; r$events <- as.integer(r$events == 1 & r$before + 1 == k); r
}))
for (ties in c("efron", "breslow")) {
  cox("Andersen-Gill", Surv(start, stop, events) ~ arm, d, ties)
  cox("PWP total time", Surv(start, stop, events) ~ arm + strata(before), d[d$before < 3, ], ties)
  cox("PWP gap time", Surv(start - origin, stop - origin, events) ~ arm + strata(before), d[d$before < 3, ], ties)
  cox("WLW", Surv(start, stop, events) ~ arm + strata(k), w, ties)
}
write.csv(do.call(rbind, out), "expected/recurrent_events.csv", row.names = FALSE, quote = FALSE, na = "")
