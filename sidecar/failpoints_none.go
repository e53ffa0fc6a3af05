//go:build !failpoints

package sidecar

import "github.com/heddle-mesh/heddle/txn"

// failpoints are for builds of tests.
func failpoints() txn.Failpoint { return nil }
