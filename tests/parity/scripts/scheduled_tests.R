# Makes data/scheduled_tests.csv and expected/scheduled_tests.csv (R 4.2.2, survival 3.5-3).
#   Rscript scripts/scheduled_tests.R        (from tests/parity)
# Urine tests every week for ten weeks, some of them missed; first relapse; weights.
suppressPackageStartupMessages(library(survival))
options(digits = 17)
set.seed(23)
n <- 160; visits <- 7 * (1:10)
data <- do.call(rbind, lapply(0:(n - 1), function(person) {
  arm <- person %% 2; age <- sample(0:3, 1)
  day <- rexp(1, 0.02 * exp(0.5 * arm - 0.2 * age))
  shows <- runif(10) > 0.25 & (1:10) <= sample(4:10, 1)
  clean <- 0; positive <- 0
  for (k in which(shows)) if (visits[k] >= day) { positive <- k; break } else clean <- k
  data.frame(person, arm, age, weight = sample(c(0.5, 1, 1.5, 2), 1), clean, positive)
}))
data$left <- c(0, visits)[data$clean + 1]
data$right <- ifelse(data$positive > 0, c(visits, Inf)[pmax(data$positive, 1)], Inf)
write.csv(data, "data/scheduled_tests.csv", row.names = FALSE, quote = FALSE)

out <- list()
add <- function(estimator, term, estimate, std_error = NA)
  out[[length(out) + 1]] <<- data.frame(estimator, term, estimate, std_error)

# Turnbull: survfit stops its EM early, at changes of about 1e-5 in the masses ...
R <- ifelse(is.finite(data$right), data$right, NA)
for (w in c("none", "weight")) {
  d <- data; d$w <- if (w == "none") 1 else d$weight
  fit <- survfit(Surv(left, R, type = "interval2") ~ 1, data = d, weights = w)
  # ... so the likelihood over the ten weeks is also maximised here, by EM carried on to the end.
  A <- outer(data$left, c(0, visits), "<=") & outer(data$right, c(visits, Inf), ">=")
  p <- rep(1 / 11, 11)
  for (i in 1:200000) { q <- colSums(d$w * t(t(A) * p) / as.vector(A %*% p)) / sum(d$w); if (max(abs(q - p)) < 1e-16) break; p <- q }
  for (k in 1:10) {
    add(paste0("survfit interval2;", w), paste0("S(", visits[k], ")"), summary(fit, times = visits[k] + 1e-6, extend = TRUE)$surv)
    add(paste0("EM to 1e-16;", w), paste0("S(", visits[k], ")"), 1 - sum(p[1:k]))
  }
  add(paste0("EM to 1e-16;", w), "log-likelihood", sum(d$w * log(A %*% p)))
}

# Proportional hazards on the schedule: own likelihood, weighted
X <- cbind(data$arm, data$age); steps <- 1:10
passed <- outer(data$clean, steps, ">="); within <- outer(data$clean, steps, "<") & outer(data$positive, steps, ">=")
each <- function(theta) {
  lambda <- exp(outer(as.vector(X %*% theta[11:12]), theta[1:10], "+"))
  inside <- rowSums(lambda * within)
  -rowSums(lambda * passed) + ifelse(data$positive > 0, log(-expm1(-ifelse(data$positive > 0, inside, 1))), 0)
}
slopes <- function(theta) {
  lambda <- exp(outer(as.vector(X %*% theta[11:12]), theta[1:10], "+"))
  inside <- rowSums(lambda * within)
  step <- -lambda * passed + lambda * within * ifelse(data$positive > 0, 1 / expm1(ifelse(data$positive > 0, inside, 1)), 0)
  cbind(step, rowSums(step) * X)
}
theta <- c(rep(-2, 10), 0, 0)
for (i in 1:5) theta <- optim(theta, function(t) -sum(data$weight * each(t)), function(t) -colSums(data$weight * slopes(t)),
                              method = "BFGS", control = list(reltol = 1e-16, maxit = 5000))$par
h <- 1e-5
hessian <- sapply(1:12, function(j) { e <- replace(numeric(12), j, h); colSums(data$weight * (slopes(theta + e) - slopes(theta - e))) / (2 * h) })
theta <- theta - solve(hessian, colSums(data$weight * slopes(theta)))
influence <- (data$weight * slopes(theta)) %*% solve(-hessian)
se <- sqrt(colSums(influence^2))
for (j in 1:12) add("own likelihood by BFGS and Newton", c(paste0("visit", 1:10), "arm", "age")[j], theta[j], se[j])

# No test missed: the complementary log-log model of each visit's result
seen <- data[data$positive == 0 | data$positive == data$clean + 1, ]
long <- do.call(rbind, lapply(1:10, function(k) { r <- seen[seen$clean >= k | seen$positive == k, ]; r$k <- k; r$y <- as.integer(r$positive == k); r }))
fit <- suppressWarnings(glm(y ~ 0 + factor(k) + arm + age, family = binomial("cloglog"), data = long, weights = weight,
                            control = glm.control(epsilon = 1e-15, maxit = 100)))
for (v in c("arm", "age")) add("glm cloglog without missed tests", v, coef(fit)[[v]])
write.csv(do.call(rbind, out), "expected/scheduled_tests.csv", row.names = FALSE, quote = FALSE, na = "")
