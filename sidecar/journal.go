package sidecar

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/sidecar/config"
)

// FileJournal is the DDL journal of an instance without etcd.
func FileJournal(c *config.Config) *journal.Journal {
	return journal.InDir(filepath.Join(c.State.Dir, "ddl"), c.Instance.Name, time.Now)
}

// followDDL counts what is unfinished, and forgets what is known of tables that other instances change: a statement planned by the columns of before
// could be sent to the wrong shard. An entry is written before its statement is sent, so that the tables are read again
// at once, and when it has ended, after which they are as they stay.
func (s *stored) followDDL(ctx context.Context) error {
	for u := range s.store.Watch(ctx, layout.DDL, 0) {
		switch u.Kind {
		case store.Reset:
			s.ddlLeft.reset()
			for _, kv := range u.KVs {
				s.othersDDL(kv)
			}
		case store.Change:
			for _, e := range u.Events {
				if e.Deleted {
					s.ddlLeft.gone(e.KV.Key)
				} else {
					s.othersDDL(e.KV)
				}
			}
		}
	}
	return ctx.Err()
}

func (s *stored) othersDDL(kv store.KV) {
	e, err := journal.Decode(kv.Value)
	if err != nil {
		s.ddlLeft.set(kv.Key, &journal.Entry{Damaged: err.Error()})
		s.log.problem("the DDL journal", &journal.DamagedError{ID: strings.TrimPrefix(kv.Key, layout.DDL), Err: err})
		return
	}
	s.ddlLeft.set(kv.Key, &e)
	if e.Instance == s.process.config.Instance.Name && e.Ended.IsZero() {
		return // its session forgets the tables itself
	}
	s.log.Debug("tables changed by DDL", zap.String("entry", e.ID), zap.String("by", e.Instance))
	if len(e.Tables) == 0 {
		s.process.catalogs.Forget(e.Database, "") // a stored program
	}
	for _, t := range e.Tables {
		s.process.catalogs.Forget(t.Database, t.Table)
	}
}
