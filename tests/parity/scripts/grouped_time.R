# Makes data/grouped_time.csv and expected/grouped_time.csv
# (R 4.2.2, stats, nnet 7.3-18, sandwich 3.0-2).
#   Rscript scripts/grouped_time.R        (from tests/parity)
# Lengths of stay in bands, two causes of exit, counts of covariate patterns within facilities.
suppressPackageStartupMessages({library(nnet); library(sandwich)})
options(digits = 17)
set.seed(22)
bands <- 6
patterns <- expand.grid(band = 0:bands, cause = 0:2, arm = 0:1, age = 0:2, facility = 1:8)
patterns <- patterns[!(patterns$band == bands & patterns$cause > 0), ]
expected <- with(patterns, exp(0.9 - 0.25 * band + 0.5 * (cause == 1) - 0.9 * (cause == 0 & band < bands) + 0.3 * (band == bands) -
                          0.2 * arm * (cause == 1) + 0.15 * age * (cause == 2) + 0.05 * facility))
patterns$frequency <- rpois(nrow(patterns), expected)
patterns <- patterns[patterns$frequency > 0, ]
# nobody leaves by cause 2 in band 4
patterns <- patterns[!(patterns$band == 4 & patterns$cause == 2), ]
rownames(patterns) <- NULL
write.csv(patterns, "data/grouped_time.csv", row.names = FALSE, quote = FALSE)

out <- list()
add <- function(estimator, term, estimate, std_error = NA)
  out[[length(out) + 1]] <<- data.frame(estimator, term, estimate, std_error)

# one row for every band that a person reaches
people <- patterns[rep(seq_len(nrow(patterns)), patterns$frequency), ]
people$id <- seq_len(nrow(people))
long <- do.call(rbind, lapply(0:(bands - 1), function(b) {
  r <- people[people$band >= b, ]; r$b <- b; r$exit <- ifelse(r$band == b, r$cause, 0); r
}))

# 1. Any exit: complementary log-log, which is proportional hazards grouped in time
long$y <- as.integer(long$exit > 0)
fit <- glm(y ~ 0 + factor(b) + arm + age, family = binomial("cloglog"), data = long,
           control = glm.control(epsilon = 1e-15, maxit = 100))
# The observed information: glm's own is the expected one, which differs off the canonical link.
X <- model.matrix(fit); eta <- as.vector(X %*% coef(fit)); l <- exp(eta); e <- exp(-l)
score <- ifelse(long$y == 1, l * e / (1 - e), -l)
curve <- ifelse(long$y == 1, l * e / (1 - e) * (1 - l / (1 - e)), -l)
observed <- solve(crossprod(X, -curve * X))
meat <- function(label) crossprod(rowsum(score * X, label))
robust <- function(label) sqrt(diag(observed %*% meat(label) %*% observed))
for (v in c("arm", "age")) {
  add("glm cloglog by person", v, coef(fit)[[v]], robust(long$id)[[v]])
  add("glm cloglog by facility", v, coef(fit)[[v]], robust(long$facility)[[v]] * sqrt(8 / 7))
  add("glm cloglog expected information", v, coef(fit)[[v]],
      sqrt(vcovCL(fit, cluster = long$id, type = "HC0", cadjust = FALSE)[v, v]))
}
for (b in 0:(bands - 1)) add("glm cloglog by person", paste0("band", b), coef(fit)[[b + 1]])

# 2. Exits by cause against staying: multinomial logit; multinom knows no hazard of zero, so that the
# band with an empty cell is joined to the next
joined <- people; joined$band <- ifelse(joined$band >= 5, joined$band - 1, joined$band)
wide <- do.call(rbind, lapply(0:(bands - 2), function(b) {
  r <- joined[joined$band >= b, ]; r$b <- b; r$exit <- ifelse(r$band == b, r$cause, 0); r
}))
multi <- multinom(factor(exit) ~ 0 + factor(b) + arm + age, data = wide, trace = FALSE,
                  maxit = 5000, reltol = 1e-16, abstol = 1e-16)
for (k in 1:2) for (v in c("arm", "age")) add("multinom bands 4 and 5 joined", paste0("cause", k, ";", v), coef(multi)[k, v])

# 3. Cause-specific hazards in a constant ratio within bands: own likelihood, BFGS then Newton
baseline <- expand.grid(b = 0:(bands - 1), k = 1:2); baseline <- baseline[!(baseline$b == 4 & baseline$k == 2), ]
minus <- function(theta) {
  alpha <- matrix(-Inf, bands, 2); alpha[cbind(baseline$b + 1, baseline$k)] <- theta[1:nrow(baseline)]
  beta <- matrix(theta[-(1:nrow(baseline))], 2)  # rows arm, age
  lambda <- exp(alpha[long$b + 1, ] + cbind(long$arm, long$age) %*% beta)
  whole <- rowSums(lambda); gone <- -expm1(-whole)
  chosen <- ifelse(long$exit == 0, exp(-whole), ifelse(long$exit == 1, lambda[, 1], lambda[, 2]) / whole * gone)
  -sum(log(chosen))
}
slopes <- function(theta) {
  alpha <- matrix(-Inf, bands, 2); alpha[cbind(baseline$b + 1, baseline$k)] <- theta[1:nrow(baseline)]
  beta <- matrix(theta[-(1:nrow(baseline))], 2)
  lambda <- exp(alpha[long$b + 1, ] + cbind(long$arm, long$age) %*% beta); whole <- rowSums(lambda)
  each <- outer(long$exit, 1:2, "==") + lambda * ifelse(long$exit > 0, 1 / expm1(whole) - 1 / whole, -1)
  -c(sapply(seq_len(nrow(baseline)), function(i) sum(each[long$b == baseline$b[i], baseline$k[i]])),
     t(cbind(long$arm, long$age)) %*% each)
}
theta <- c(rep(-2, nrow(baseline)), 0, 0, 0, 0)
for (i in 1:3) theta <- optim(theta, minus, slopes, method = "BFGS", control = list(reltol = 1e-16, maxit = 2000))$par
for (i in 1:2) {
  hessian <- sapply(seq_along(theta), function(j) {
    e <- replace(numeric(length(theta)), j, 1e-5); (slopes(theta + e) - slopes(theta - e)) / 2e-5 })
  theta <- theta - solve(hessian, slopes(theta))
}
found <- tail(theta, 4)
for (i in 1:4) add("own likelihood by BFGS and Newton", c("cause1;arm", "cause1;age", "cause2;arm", "cause2;age")[i], found[i])
add("own likelihood by BFGS and Newton", "log-likelihood", -minus(theta))

# 4. Without covariates: shares by the last day of each band, and bounds of mean days to day 100
last <- c(1, 2, 7, 30, 60, 180); first <- c(1, 2, 3, 8, 31, 61); open <- 181
plain <- people[people$cause > 0 | people$band == bands, ]  # without those lost from sight
add("shares", "cause1;band3", mean(plain$band <= 3 & plain$cause == 1))
add("shares", "cause2;band5", mean(plain$band <= 5 & plain$cause == 2))
add("bounds of mean days", "lower", base::mean(pmin(c(first, open)[plain$band + 1], 100)))
add("bounds of mean days", "upper", base::mean(pmin(c(last, Inf)[plain$band + 1], 100)))
write.csv(do.call(rbind, out), "expected/grouped_time.csv", row.names = FALSE, quote = FALSE, na = "")
