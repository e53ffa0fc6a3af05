package session

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/router/plan"
)

// runByKey is an UPDATE or DELETE with ORDER BY … LIMIT over several shards.
func (s *Session) runByKey(_ context.Context, _ *execution, _ *plan.ByKey) error {
	return sqlerr.NotSupported("UPDATE or DELETE with LIMIT over several shards")
}
