# Makes data/multi_state.csv and expected/multi_state.csv (R 4.2.2, survival 3.5-3).
#   Rscript scripts/multi_state.R        (from tests/parity)
# States 0 residential, 1 IOP, 2 community, 3 relapse, 4 readmission; days heavily tied, entries after
# day 0, some people lost from sight for a while, and weights. Most begin in 0, some in 1.
suppressPackageStartupMessages(library(survival))
options(digits = 17)
set.seed(21)
rows <- list()
next_state <- list(c(1, 1, 2, 3), c(2, 2, 3), c(3, 3, 4), c(4, 4, 2), c(1, 2, 3))
for (person in 0:89) {
  weight <- sample(c(0.5, 0.8, 1, 1.5, 2.3), 1)
  start <- sample(c(0, 0, 0, 0, 0, 4, 9), 1)
  state <- sample(c(0, 0, 0, 0, 1), 1)
  ends <- start + sample(20:60, 1)
  repeat {
    stays <- sample(c(1, 2, 3, 5, 7, 7, 14, 14, 21), 1)
    moves <- start + stays < ends
    to <- if (moves) sample(next_state[[state + 1]], 1) else state
    stop <- if (moves) start + stays else ends
    rows[[length(rows) + 1]] <- data.frame(person, arm = person %% 2, weight, start, stop, state, moves_to = to)
    if (!moves) break
    start <- stop + sample(c(0, 0, 0, 0, 3), 1); state <- to
    if (start >= ends) break
  }
}
data <- do.call(rbind, rows)
# survfit wants no gap within an id, so each stretch without one is an id of its own ("stretch")
follows <- c(FALSE, data$person[-1] == head(data$person, -1) & data$start[-1] == head(data$stop, -1))
data$stretch <- cumsum(!follows) - 1
write.csv(data, "data/multi_state.csv", row.names = FALSE, quote = FALSE)

out <- list()
add <- function(...) out[[length(out) + 1]] <<- data.frame(...)
labels <- paste0("s", 0:4)
for (a in 0:1) for (w in c("none", "weight")) for (entry in c("all", "from 0")) {
  d <- data[data$arm == a, ]
  if (entry == "from 0") { # everyone seen from day 0 on and without a gap, all in residential care
    whole <- tapply(d$stretch, d$person, function(x) length(unique(x)) == 1)
    first <- tapply(d$start, d$person, min); begin <- tapply(d$state, d$person, head, 1)
    d <- d[d$person %in% as.integer(names(first))[whole & first == 0 & begin == 0], ]
  }
  d$w <- if (w == "none") 1 else d$weight
  d$event <- factor(ifelse(d$moves_to == d$state, "none", labels[d$moves_to + 1]), levels = c("none", labels))
  d$from <- factor(labels[d$state + 1], levels = labels)
  # p0 of everyone in sight on day 0, which is what occupancy() takes
  there <- d$start <= 0 & d$stop > 0
  p0 <- as.vector(tapply(d$w * there, d$from, sum, default = 0)); p0 <- p0 / sum(p0)
  fit <- survfit(Surv(start, stop, event) ~ 1, data = d, id = stretch, istate = from, weights = w, p0 = p0, influence = TRUE)
  s <- summary(fit, times = c(7, 21, 35), rmean = 35)
  states <- fit$states
  for (k in seq_along(states)) {
    for (i in 1:3) add(entry = entry, arm = a, weights = w, estimator = "pstate", state = states[k], t = s$time[i],
                       estimate = s$pstate[i, k], std_error = s$std.err[i, k])
    add(entry = entry, arm = a, weights = w, estimator = "rmean", state = states[k], t = 35,
        estimate = s$table[k, "rmean"], std_error = s$table[k, "se(rmean)"])
  }
}

# The same with the shares of day 0 estimated, as occupancy() has them: own R code, the standard error
# being the root of the sum of squared weight times numerical derivative by each stretch's weight.
aalen_johansen <- function(d, w, times) {
  there <- d$start <= 0 & d$stop > 0
  p <- sapply(0:4, function(k) sum(w[there & d$state == k])) / sum(w[there])
  value <- matrix(0, 5, length(times)); days <- numeric(5)
  for (t in 1:35) {
    days <- days + p  # day 0 to 1 is spent where the person is on day 0, and so on
    move <- matrix(0, 5, 5)
    for (j in 0:4) {
      at_risk <- d$state == j & d$start < t & d$stop >= t
      if (any(at_risk)) for (k in (0:4)[-(j + 1)])
        move[j + 1, k + 1] <- sum(w[at_risk & d$stop == t & d$moves_to == k]) / sum(w[at_risk])
    }
    p <- as.vector(p %*% (diag(5) - diag(rowSums(move)) + move))
    value[, times == t] <- p
  }
  c(value, days)
}
for (a in 0:1) {
  d <- data[data$arm == a, ]
  influence <- sapply(unique(d$stretch), function(i) {
    h <- 1e-4; up <- down <- d$weight; mine <- d$stretch == i
    up[mine] <- up[mine] * (1 + h); down[mine] <- down[mine] * (1 - h)
    (aalen_johansen(d, up, c(7, 21, 35)) - aalen_johansen(d, down, c(7, 21, 35))) / (2 * h)
  })
  add(entry = "own code", arm = a, weights = "weight", estimator = rep(c("pstate", "rmean"), c(15, 5)),
      state = rep(labels, 4), t = rep(c(7, 21, 35, 35), each = 5),
      estimate = aalen_johansen(d, d$weight, c(7, 21, 35)), std_error = sqrt(rowSums(influence^2)))
}
write.csv(do.call(rbind, out), "expected/multi_state.csv", row.names = FALSE, quote = FALSE, na = "")
