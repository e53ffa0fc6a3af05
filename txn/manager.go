package txn

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/txn/xa"
)

var errNotProbed = errors.New("it has not been probed yet")

// Limits are how long the steps of a commit may take. A zero value stands for the default.
type Limits struct {
	Prepare time.Duration // 3 s: of a branch's PREPARE, and of a ROLLBACK
	Decide  time.Duration // 10 s: of the decision
	Ask     time.Duration // 20 s: of the whole question what was decided, from when it was sent on
	Deliver time.Duration // 5 s: that the client waits for branches whose commit is not answered, in all
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		of *time.Duration
		by time.Duration
	}{{&l.Prepare, 3 * time.Second}, {&l.Decide, 10 * time.Second}, {&l.Ask, 20 * time.Second}, {&l.Deliver, 5 * time.Second}} {
		if *d.of <= 0 {
			*d.of = d.by
		}
	}
	return l
}

// Failpoint is told where a driver is; an error makes it stop there, as if the process had died.
type Failpoint func(ctx context.Context, point string) error

// hit is free where there is none.
func (f Failpoint) hit(ctx context.Context, point, when string) error {
	if f == nil {
		return nil
	}
	if err := f(ctx, point+"."+when); err != nil {
		return fmt.Errorf("%w: %w", ErrDied, err)
	}
	return nil
}

// act does something between the points before and after it.
func (f Failpoint) act(ctx context.Context, name string, do func() error) error {
	if err := f.hit(ctx, name, "before"); err != nil {
		return err
	}
	err := do()
	if died := f.hit(ctx, name, "after"); died != nil {
		return died
	}
	return err
}

// ErrDied is a driver that a failpoint has stopped.
var ErrDied = errors.New("txn: stopped by a failpoint")

// Config is what the distributed transactions of a process have in common.
type Config struct {
	Cluster uint32 // names the mesh; its lower 20 bits count
	Shards  *Shards
	Limits  Limits
	At      Failpoint // nil: none
	// Observe is told of each step that a commit or rollback took; nil: nobody is. It is called from several goroutines.
	Observe func(Step)
	// KeepStatements has what further branches write be kept beside the decision, while that stays.
	KeepStatements bool
	// Ended is told of each distributed transaction when its client is; nil: nobody is.
	Ended func(Ending)
}

// Ending is how a distributed transaction has ended, as far as its process knows.
type Ending uint8

// The endings.
const (
	EndedCommitted   Ending = iota
	EndedRolledBack         // at its client's wish, or in place of COMMIT
	EndedInDoubt            // the data source that knows does not answer
	EndedUndelivered        // committed, and a branch has yet to be
	EndedForced             // committed by an operator, without the first branch's part
)

// Endings are all of them.
func Endings() []Ending {
	return []Ending{EndedCommitted, EndedRolledBack, EndedInDoubt, EndedUndelivered, EndedForced}
}

// String names the ending, for labels.
func (e Ending) String() string {
	return [...]string{"committed", "rolled_back", "in_doubt", "undelivered", "forced"}[e]
}

// Manager begins the distributed transactions of a process. It may be used by several goroutines.
type Manager struct {
	cfg   Config
	epoch uint64
	seq   atomic.Uint64
	known known
	// clients are the names that clients have given to what they have not prepared yet.
	clients clientNames
}

// NewManager draws the process's epoch, by which its transactions are told from those of every other.
func NewManager(cfg Config) *Manager {
	var drawn [8]byte
	_, _ = rand.Read(drawn[:]) // never fails
	cfg.Limits, cfg.Cluster = cfg.Limits.withDefaults(), cfg.Cluster&(1<<xa.ClusterBits-1)
	return &Manager{cfg: cfg, epoch: binary.BigEndian.Uint64(drawn[:]) & (1<<xa.EpochBits - 1)}
}

// Epoch is the process's, as it stands in its transactions' names. An instance publishes it while it lives, so that others
// leave its transactions to it.
func (m *Manager) Epoch() uint64 { return m.epoch }

// Begin returns an open transaction without a branch, which is atomic however many it comes to have.
func (m *Manager) Begin(o Options) *Txn { return &Txn{options: o, manager: m} }

// Unfit is why some data source cannot have part in a distributed transaction; nil: all can.
func (m *Manager) Unfit() error { return m.cfg.Shards.Unfit() }

// Waits reports whether a connection of a data source has waited for a lock for so long.
func (m *Manager) Waits(ctx context.Context, dataSource string, conn uint32, patience time.Duration) (bool, error) {
	server := m.cfg.Shards.Server(dataSource)
	if server == nil {
		return false, &UnfitError{DataSource: dataSource, Why: errNotProbed}
	}
	return server.Waits(ctx, conn, patience)
}

// name gives a transaction its name. log is where it will be decided.
func (m *Manager) name(log xa.Log) xa.GTRID {
	return xa.GTRID{Cluster: m.cfg.Cluster, Log: log, Epoch: m.epoch, Seq: m.seq.Add(1)}
}
