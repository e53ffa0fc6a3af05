// Package limit bounds how much is let through: token buckets, one for all or one for each of whoever asks, and budgets of
// tries that are made again. It decides at once and never waits; what is refused is its caller's business. What it counts is
// this instance's alone. Level: governance.
package limit
