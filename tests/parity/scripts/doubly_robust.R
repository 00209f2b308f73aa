# Simulated people in 14 treatment sites, and what R makes of them: doubly robust estimates of a
# risk, and cluster-robust errors of linear regressions. Needs sandwich; run in this folder:
#   Rscript doubly_robust.R
# R 4.2.2, sandwich 3.0-2. Nothing here is anybody's data.
library(sandwich)
set.seed(20260301)
sizes <- c(60, 45, 40, 30, 25, 22, 20, 16, 12, 10, 8, 6, 4, 2) # very unequal, as sites are
n <- sum(sizes)
site <- rep(seq_along(sizes), sizes)
shift <- rnorm(length(sizes), 0, 0.5)[site]
age <- round(20 + 30 * rbeta(n, 2, 3))        # whole years, heavily tied
severity <- rbinom(n, 4, 0.35)                # 0 to 4
housed <- rbinom(n, 1, 0.7)
iop <- rbinom(n, 1, plogis(-0.6 + 0.03 * (age - 32) - 0.35 * severity + 0.5 * housed + shift))
relapse <- rbinom(n, 1, plogis(-0.4 - 0.02 * (age - 32) + 0.4 * severity - 0.5 * housed - 0.3 * iop + 0.2 * iop * housed + shift))
days <- pmin(7 * ceiling(rexp(n, 1 / (40 + 15 * iop - 6 * severity + 10 * housed)) / 7), 84) # in weeks, heavily tied
weight <- round(runif(n, 0.5, 3), 2)
d <- data.frame(site, age, severity, housed, iop, relapse, days, weight)
write.csv(d, "../data/doubly_robust.csv", row.names = FALSE, quote = FALSE)

rows <- list()
add <- function(method, term, estimate, std_error = NA, df = NA) {
  rows[[length(rows) + 1]] <<- data.frame(method, term, estimate, std_error, df)
}
tight <- glm.control(epsilon = 1e-15, maxit = 100)

# Doubly robust, outcome models in each arm -------------------------------------------------
x <- ~ age + severity + housed
ps <- fitted(glm(update(x, iop ~ .), binomial, d, control = tight))
m <- function(arm, data = d) predict(glm(update(x, relapse ~ .), binomial, d[d$iop == arm, ], control = tight), data, type = "response")
m1 <- m(1); m0 <- m(0); a <- d$iop; y <- d$relapse
tilt <- list(ATE = rep(1, n), ATT = a, ATC = 1 - a, ATO = ps * (1 - ps))
height <- list(ATE = rep(1, n), ATT = ps, ATC = 1 - ps, ATO = ps * (1 - ps))
for (k in names(tilt)) {
  t_ <- tilt[[k]]; w1 <- a * height[[k]] / ps; w0 <- (1 - a) * height[[k]] / (1 - ps)
  put <- function(method, one, other) { add(paste(method, k), "intervention", one); add(paste(method, k), "comparator", other) }
  put("IPTW", weighted.mean(y, w1), weighted.mean(y, w0))
  put("g-formula", weighted.mean(m1, t_), weighted.mean(m0, t_))
  put("AIPW", weighted.mean(m1, t_) + sum(w1 * (y - m1)) / sum(t_), weighted.mean(m0, t_) + sum(w0 * (y - m0)) / sum(t_))
  put("AIPW normalised", weighted.mean(m1, t_) + weighted.mean(y - m1, w1), weighted.mean(m0, t_) + weighted.mean(y - m0, w0))
  # quasibinomial only silences the warning about weights that are not whole; same fit
  move <- function(m, w) { f <- glm(y ~ 1, quasibinomial, offset = qlogis(m), weights = w, subset = w > 0, control = tight); plogis(qlogis(m) + coef(f)[[1]]) }
  s1 <- move(m1, w1); s0 <- move(m0, w0)
  put("TMLE", weighted.mean(s1, t_), weighted.mean(s0, t_))
  q <- function(arm) { d$.w <- w1 + w0; predict(glm(update(x, relapse ~ .), quasibinomial, d[d$iop == arm, ], weights = .w, control = tight), d, type = "response") }
  put("IPWRA", weighted.mean(q(1), t_), weighted.mean(q(0), t_))
}
# Influence-function errors with nuisances as known
p1 <- m1 + a * (y - m1) / ps; p0 <- m0 + (1 - a) * (y - m0) / (1 - ps)
add("AIPW ATE known", "difference", mean(p1 - p0), sqrt(sum((p1 - p0 - mean(p1 - p0))^2)) / n)

# Cluster-robust linear regression ----------------------------------------------------------
root_inverse <- function(B) { e <- eigen(B, symmetric = TRUE); v <- ifelse(e$values > 1e-10, 1 / sqrt(pmax(e$values, 1e-300)), 0); e$vectors %*% (v * t(e$vectors)) }
cr2 <- function(X, yy, w, g) { # dense and by the formula; Phi = identity
  W <- diag(w); M <- solve(t(X) %*% W %*% X); H <- X %*% M %*% t(X) %*% W; R <- diag(nrow(X)) - H; r <- R %*% yy
  S <- 0; P <- list()
  for (i in unique(g)) {
    j <- which(g == i); A <- root_inverse(R[j, ] %*% t(R[j, ]))
    Z <- A %*% W[j, j] %*% X[j, , drop = FALSE] %*% M
    S <- S + t(Z) %*% r[j] %*% t(r[j]) %*% Z
    P[[length(P) + 1]] <- t(R[j, , drop = FALSE]) %*% Z
  }
  df <- sapply(seq_len(ncol(X)), function(k) { p <- sapply(P, function(z) z[, k]); G <- t(p) %*% p; sum(diag(G))^2 / sum(G^2) })
  list(V = S, df = df)
}
jackknife <- function(f, data, w) {
  G <- unique(data$site); whole <- coef(lm(f, data, weights = w))
  B <- sapply(G, function(g) { data$.w <- w; coef(lm(f, data[data$site != g, ], weights = .w)) }) - whole
  (length(G) - 1) / length(G) * B %*% t(B)
}
f <- days ~ iop + age + severity + housed
for (k in c("unweighted", "weighted")) {
  w <- if (k == "weighted") d$weight else rep(1, n)
  d$.w <- w; l <- lm(f, d, weights = .w)
  put <- function(type, V, df = NA) add(paste(type, k), names(coef(l)), coef(l), sqrt(diag(V)), df)
  put("CR0", vcovCL(l, ~site, type = "HC0", cadjust = FALSE))
  put("CR1", vcovCL(l, ~site, type = "HC0", cadjust = TRUE))
  put("CR1S", vcovCL(l, ~site, type = "HC1", cadjust = TRUE))
  b <- cr2(model.matrix(l), d$days, w, site); put("CR2", b$V, b$df)
  put("CV3", jackknife(f, d, w))
}
# second voices, unweighted: sandwich's HC2 and HC3 hold a factor (G-1)/G that cadjust takes away
l <- lm(f, d)
add("CR2 by sandwich", names(coef(l)), coef(l), sqrt(diag(vcovCL(l, ~site, type = "HC2", cadjust = TRUE))))
add("CV3 by sandwich", names(coef(l)), coef(l), sqrt(diag(vcovCL(l, ~site, type = "HC3", cadjust = FALSE))))
# sites with intercepts of their own: the pseudo-inverse matters
X <- model.matrix(days ~ 0 + iop + age + factor(site), d); b <- cr2(X, d$days, rep(1, n), site)
l <- lm(days ~ 0 + iop + age + factor(site), d); add("CR2 fixed effects", c("iop", "age"), coef(l)[1:2], sqrt(diag(b$V))[1:2], b$df[1:2])
out <- do.call(rbind, rows)
for (v in c("estimate", "std_error", "df")) out[[v]] <- ifelse(is.na(out[[v]]), "", sprintf("%.17g", out[[v]]))
write.csv(out, "../expected/doubly_robust.csv", row.names = FALSE, quote = FALSE)
