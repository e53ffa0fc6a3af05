//go:build failpoints

package sidecar

import (
	"os"

	"github.com/heddle-mesh/heddle/internal/failpoint"
	"github.com/heddle-mesh/heddle/txn"
)

// failpointsVariable names the environment's variable that says at which points this build dies, stops or waits.
const failpointsVariable = "FAILPOINTS"

// failpoints are those of the environment. Only builds with the tag failpoints, which are for tests, know of any.
func failpoints() txn.Failpoint {
	text := os.Getenv(failpointsVariable)
	if text == "" {
		return nil
	}
	set, err := failpoint.Parse(text)
	if err != nil {
		panic(failpointsVariable + ": " + err.Error())
	}
	return set.Hit
}
