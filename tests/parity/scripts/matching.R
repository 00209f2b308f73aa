# Reference results for matching and subclassification, on a small simulated sample.
#
#   Rscript tests/parity/scripts/matching.R      (from the root of the repository)
#
# Writes data/matching.csv and expected/matching_*.csv beside this script's folder. Made with R 4.2.2,
# Matching 4.10-8, MatchIt 4.5.1, sandwich 3.0-2.
#
# Pairs come from Matching::Match. MatchIt 4.5.1 (Debian 12) is not used for them: it ignores calipers
# and takes only controls at or below the treated person's score, so that its "nearest" neighbours are
# not (spec matchit451 keeps an example). Its weights and subclasses are right and are used.
suppressMessages({library(MatchIt); library(sandwich); library(Matching)})
here <- "tests/parity"
num <- function(x) if (is.double(x)) sprintf("%.17g", x) else x
put <- function(d, name) {
  d[] <- lapply(d, num)
  write.csv(d, file.path(here, name), row.names = FALSE, quote = FALSE)
}

# People of few ages and few earlier treatments: many tie in their propensity. `score` breaks the
# ties, `tied` keeps them.
set.seed(20240601)
n <- 240
age <- 5 * sample(4:11, n, TRUE)
earlier <- pmin(rpois(n, 1.5), 5)
facility <- sample(1:3, n, TRUE)
p <- plogis(-1.6 + 0.03 * (age - 35) + 0.35 * earlier + 0.2 * (facility == 2))
treated <- rbinom(n, 1, p)
relapse <- rbinom(n, 1, plogis(-0.4 + 0.02 * (age - 35) + 0.25 * earlier - 0.5 * treated))
days <- pmax(1, round(60 + age - 6 * earlier + 15 * treated + rnorm(n, 0, 25)))
tied <- round(p, 2)
score <- p + runif(n, -0.004, 0.004)
d <- data.frame(age, earlier, facility, treated, relapse, days, tied, score)
put(d, "data/matching.csv")

# Greedy, without replacement, in the order of the rows given; or everyone's k nearest.
match_rows <- function(rows, tr, ..., x = d$score[rows]) {
  m <- suppressWarnings(Match(NULL, tr[rows], x, ties = FALSE, Weight = if (is.matrix(x)) 2 else 1,
                              distance.tolerance = 0, ...))
  data.frame(focal = rows[m$index.treated], donor = rows[m$index.control])
}
everyone <- seq_len(n)
t1 <- d$treated
exact <- do.call(rbind, lapply(1:3, function(f)
  match_rows(which(d$facility == f)[order(-d$score[d$facility == f])], t1, replace = FALSE)))
sets <- list(
  largest = match_rows(order(-d$score), t1, replace = FALSE),
  smallest = match_rows(order(d$score), t1, replace = FALSE),
  data = match_rows(everyone, t1, replace = FALSE),
  caliper = match_rows(order(-d$score), t1, replace = FALSE, caliper = 0.01),
  exact = exact,
  replace = match_rows(everyone, t1, replace = TRUE),
  replace3 = match_rows(everyone, t1, replace = TRUE, M = 3),
  atc = match_rows(everyone, 1 - t1, replace = TRUE)
)
old <- matchit(treated ~ age, data = d, distance = d$score, replace = TRUE)$match.matrix
sets$matchit451 <- data.frame(focal = as.integer(rownames(old)), donor = as.integer(old))
pairs <- do.call(rbind, Map(function(s, p) data.frame(spec = s, focal = p$focal - 1L, donor = p$donor - 1L), names(sets), sets))
put(pairs[order(match(pairs$spec, names(sets)), pairs$focal, pairs$donor), ], "expected/matching_pairs.csv")

# MatchIt's weights of those sets, and the matched data in long form.
matched <- function(p, arm) {
  focal <- sort(unique(p$focal))
  k <- table(factor(p$focal, focal))
  mm <- matrix(NA_character_, sum(arm == 1), max(k), dimnames = list(which(arm == 1), NULL))
  for (f in focal) mm[as.character(f), seq_len(k[[as.character(f)]])] <- as.character(p$donor[p$focal == f])
  mm
}
weights <- d[, 0]
for (s in names(sets)) {
  arm <- if (s == "atc") 1 - t1 else t1
  weights[[s]] <- unname(MatchIt:::weights.matrix(matched(sets[[s]], arm), setNames(arm, everyone)))
}
long <- function(p) {
  k <- table(p$focal)[as.character(p$focal)]
  z <- rbind(data.frame(person = unique(p$focal), subclass = unique(p$focal), weights = 1),
             data.frame(person = p$donor, subclass = p$focal, weights = 1 / as.numeric(k)))
  cbind(z, d[z$person, c("treated", "relapse", "days")])
}

for (x in c("score", "tied")) for (e in c("ATT", "ATC", "ATE")) {
  m <- matchit(treated ~ age, d, method = "subclass", subclass = 5, estimand = e, min.n = 0, distance = d[[x]])
  weights[[paste("subclass", x, e, sep = "_")]] <- unname(m$weights)
  weights[[paste("number", x, e, sep = "_")]] <- as.integer(as.character(m$subclass)) - 1L
}
put(weights, "expected/matching_weights.csv")

out <- NULL
add <- function(spec, outcome, what, estimate, error) out <<- rbind(out, data.frame(spec, outcome, what, estimate, error))
for (s in c("largest", "caliper", "replace", "replace3")) {
  md <- long(sets[[s]])
  by <- if (s %in% c("replace", "replace3")) ~ subclass + person else ~ subclass
  for (y in c("relapse", "days")) {
    l <- lm(reformulate("treated", y), md, weights = weights)
    for (hc in c("HC0", "HC1"))
      add(s, y, paste("difference", hc), coef(l)[[2]], sqrt(vcovCL(l, by, type = hc, cadjust = hc == "HC1")[2, 2]))
  }
  for (link in c("log", "logit")) {
    f <- if (link == "log") quasipoisson("log") else quasibinomial()
    g <- glm(relapse ~ treated, f, md, weights = weights, control = glm.control(epsilon = 1e-14, maxit = 100))
    add(s, "relapse", paste(link, "HC0"), coef(g)[[2]], sqrt(vcovCL(g, by, type = "HC0", cadjust = FALSE)[2, 2]))
  }
}
# Matching::Match: Var.calc is the number of neighbours in the own arm.
for (e in c("ATT", "ATC")) for (k in c(1, 3)) for (j in c(1, 2)) for (y in c("relapse", "days")) {
  a <- Match(d[[y]], d$treated, d$score, estimand = e, M = k, Var.calc = j, Weight = 1, distance.tolerance = 0)
  add(paste0("Matching_", e, "_k", k, "_j", j), y, "Abadie-Imbens", a$est[1], a$se)
}
put(out, "expected/matching_effects.csv")
