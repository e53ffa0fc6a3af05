// Package replicas runs Heddle in front of real replication: primaries with replicas that are read, late, killed, frozen, promoted and
// left. Level: tests.
package replicas
