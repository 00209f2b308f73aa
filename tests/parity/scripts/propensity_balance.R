# Simulated people who share many covariate patterns, and what R makes of them: propensity score,
# weights and their limits, entropy balancing, balance. Base R only; run in this folder:
#   Rscript propensity_balance.R
# R 4.2.2. Nothing here is anybody's data.
set.seed(20260412)
n <- 260
age <- 5 * round(rnorm(n, 38, 9) / 5)          # in fives, heavily tied
severity <- rbinom(n, 4, 0.4)                  # 0 to 4
housed <- rbinom(n, 1, 0.65)
drug <- sample(c("alcohol", "opioid", "stimulant"), n, TRUE, c(0.5, 0.35, 0.15))
score <- round(rnorm(n, 20 + 2 * severity, 6), 1) # hardly tied
iop <- rbinom(n, 1, plogis(0.3 + 0.03 * (age - 38) - 0.45 * severity + 0.6 * housed + 0.3 * (drug == "opioid")))
d <- data.frame(age, severity, housed, opioid = as.integer(drug == "opioid"), stimulant = as.integer(drug == "stimulant"), score, iop)
write.csv(d, "../data/propensity_balance.csv", row.names = FALSE, quote = FALSE)

rows <- list()
add <- function(method, term, estimate) {
  rows[[length(rows) + 1]] <<- data.frame(method, term, estimate)
}
ess <- function(w) sum(w)^2 / sum(w^2)

# Propensity score: by people, and by patterns with their counts --------------------------------
tight <- glm.control(epsilon = 1e-15, maxit = 100)
f <- iop ~ age + severity + housed + opioid + stimulant
g <- glm(f, binomial, d, control = tight)
add("propensity", names(coef(g)), coef(g))
add("propensity error", names(coef(g)), sqrt(diag(vcov(g))))
x <- model.matrix(f, d)
meat <- crossprod(x * (iop - fitted(g)))      # HC0, as sandwich::sandwich
add("propensity HC0", names(coef(g)), sqrt(diag(vcov(g) %*% meat %*% vcov(g))))
counts <- aggregate(list(people = rep(1, n)), d[c("age", "severity", "housed", "opioid", "stimulant", "iop")], sum)
gc <- glm(f, binomial, counts, weights = people, control = tight)
stopifnot(nrow(counts) < n, max(abs(coef(gc) - coef(g))) < 1e-10)
e <- fitted(g)

# Ridge, 0.05 per person on standardized columns: stationary point by Newton ----------------------
z <- scale(x[, -1], TRUE, FALSE); sds <- sqrt(colMeans(z^2)); z <- cbind(1, sweep(z, 2, sds, "/"))
b <- rep(0, ncol(z)); pen <- n * 0.05 * c(0, rep(1, ncol(z) - 1))
for (i in 1:50) {
  p <- plogis(c(z %*% b))
  b <- b + solve(crossprod(z * sqrt(p * (1 - p))) + diag(pen), crossprod(z, iop - p) - pen * b)
}
slopes <- b[-1] / sds
add("ridge 0.05", names(coef(g)), c(b[1] - sum(slopes * colMeans(x[, -1])), slopes))

# Weights and their limits ----------------------------------------------------------------------
w <- ifelse(iop == 1, 1 / e, 1 / (1 - e)); att <- ifelse(iop == 1, 1, e / (1 - e)); ato <- ifelse(iop == 1, 1 - e, e)
sw <- ifelse(iop == 1, mean(iop) / e, mean(1 - iop) / (1 - e))
add("stabilized ATE", c("sum", "largest", "ESS 1", "ESS 0"), c(sum(sw), max(sw), ess(sw[iop == 1]), ess(sw[iop == 0])))
for (p in c(0.9, 0.95, 0.975, 0.99)) add("quantile type 3", p, quantile(w, p, type = 3))
for (p in c(0.1, 0.05, 0.025, 0.01)) add("quantile type 3", p, quantile(w, p, type = 3))
for (p in c(0.9, 0.99)) add("quantile type 3 ATT comparators", p, quantile(att[iop == 0], p, type = 3))
crump <- function(name, e) {                    # the objective at every possible cut, by brute force
  cost <- 1 / (e * (1 - e))
  if (max(cost) <= 2 * mean(cost)) return(add(name, c("low", "kept"), c(0, n)))
  at <- sort(unique(cost)); best <- at[which.min(sapply(at, function(v) sum(cost[cost <= v]) / sum(cost <= v)^2))]
  v <- 2 * mean(cost[cost <= best])            # the cut is a solution of Crump's equation
  stopifnot(sum(cost <= v) == sum(cost <= best))
  add(name, c("low", "kept"), c(0.5 - sqrt(0.25 - 1 / v), sum(cost <= v)))
}
crump("Crump", e)
crump("Crump pushed outwards", plogis(2.6 * qlogis(e))) # where the rule bites

# Entropy balancing: the dual by Newton's method, for comparators and for both arms -------------------
k <- as.matrix(d[c("age", "severity", "housed", "opioid", "stimulant")])
tilt <- function(arm, aim) {
  a <- sweep(k[arm, ], 2, aim); l <- rep(0, ncol(a))
  for (i in 1:100) {
    s <- exp(c(a %*% l)); s <- s / sum(s); m <- colSums(a * s)
    l <- l - solve(crossprod(a * sqrt(s)) - tcrossprod(m), m)
  }
  stopifnot(max(abs(m)) < 1e-12)
  s
}
s <- tilt(iop == 0, colMeans(k[iop == 1, ])); add("entropy ATT", c("ESS 0", "first", "largest"), c(ess(s), s[1], max(s)))
s <- tilt(iop == 1, colMeans(k[iop == 0, ])); add("entropy ATC", c("ESS 1", "first", "largest"), c(ess(s), s[1], max(s)))
s <- tilt(iop == 0, colMeans(k)); add("entropy ATE", c("ESS 0", "first 0", "largest 0"), c(ess(s), s[1], max(s)))
s <- tilt(iop == 1, colMeans(k)); add("entropy ATE", c("ESS 1", "first 1", "largest 1"), c(ess(s), s[1], max(s)))

# Balance ---------------------------------------------------------------------------------------
wvar <- function(v, q) if (all(v %in% 0:1)) weighted.mean(v, q) * (1 - weighted.mean(v, q)) else c(cov.wt(matrix(v), q / sum(q))$cov)
one <- iop == 1; flat <- rep(1, n)
for (name in c("age", "severity", "housed", "score")) {
  v <- d[[name]]
  for (q in list(list("none", flat), list("ATE", w), list("ATO", ato))) {
    u <- q[[2]]; m <- weighted.mean(v[one], u[one]) - weighted.mean(v[!one], u[!one])
    sd2 <- c(pooled = (wvar(v[one], flat[one]) + wvar(v[!one], flat[!one])) / 2, intervention = wvar(v[one], flat[one]),
             comparator = wvar(v[!one], flat[!one]), everyone = wvar(v, flat), weighted = wvar(v, u))
    add(paste("SMD", q[[1]]), paste(name, names(sd2)), m / sqrt(sd2))
    add(paste("difference", q[[1]]), name, m)
    if (name != "housed") add(paste("variance ratio", q[[1]]), name, wvar(v[one], u[one]) / wvar(v[!one], u[!one]))
    at <- sort(unique(v)); F <- function(i) sapply(at, function(t) sum(u[i & v <= t]) / sum(u[i]))
    add(paste("KS", q[[1]]), name, max(abs(F(one) - F(!one))))
  }
}
# Overlap of densities: every kernel summed at every point, without bins -------------------------------
small <- if (sum(one) <= sum(!one)) one else !one
bw <- bw.nrd0(score[small]); grid <- seq(min(score) - 4 * bw, max(score) + 4 * bw, length.out = 20001)
for (q in list(list("none", flat), list("ATE", w))) {
  u <- q[[2]]; kde <- function(i) { y <- 0; for (j in which(i)) y <- y + u[j] * dnorm(grid, score[j], bw); y / sum(u[i]) }
  low <- pmin(kde(one), kde(!one)); h <- grid[2] - grid[1]
  add(paste("overlap", q[[1]]), "score", h * (sum(low) - (low[1] + low[length(low)]) / 2))
}
add("bandwidth", "score", bw)
pref <- plogis(qlogis(e) - qlogis(mean(iop))); within <- pref >= 0.3 & pref <= 0.7
add("equipoise", c("everyone", "intervention", "comparator"), c(mean(within), mean(within[one]), mean(within[!one])))

out <- do.call(rbind, rows); out$estimate <- sprintf("%.17g", out$estimate)
write.csv(out, "../expected/propensity_balance.csv", row.names = FALSE, quote = FALSE)
