package sidecar

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/sidecar/observe"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

const (
	first  = "first:3306" // the server that the rules name
	second = "second:3306"
	other  = "other:3306" // of another data source
)

const follows = txn.FollowerError("the server is a replica")

// refusing has no connection for recovery, which has nothing to do in these tests.
type refusing struct{}

func (refusing) Connect(context.Context) (driver.Conn, error) { return nil, io.EOF }
func (refusing) Driver() driver.Driver                        { return nil }

// scripted are what the probes of two data sources find: ds_0, whose writes one of two servers takes, and ds_1.
type scripted struct {
	*transactions

	mu      sync.Mutex // guards what follows
	primary string
	finds   map[string]error // io.EOF: it does not answer
}

func newScripted() *scripted {
	s := &scripted{primary: second, finds: map[string]error{first: follows}}
	s.transactions = newTransactions("mesh", false, s.takes, observe.New("test").Transactions, zap.NewNop())
	s.transactions.open = func(ds backend.DataSource) (*control, error) {
		c := newControl(ds, sql.OpenDB(refusing{}))
		c.probe = func(context.Context) (*txnlog.Server, error) { return s.probe(c) }
		return c, nil
	}
	s.set([]backend.DataSource{{Name: "ds_0", Addr: first, Replicas: []string{second}}, {Name: "ds_1", Addr: other}})
	return s
}

func (s *scripted) takes(dataSource string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if dataSource != "ds_0" {
		return ""
	}
	return s.primary
}

func (s *scripted) probe(c *control) (*txnlog.Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.finds[c.source.Addr]; err != nil {
		return nil, err
	}
	return &txnlog.Server{DB: c.db, DataSource: c.source.Name, Log: map[string]xa.Log{"ds_0": 1, "ds_1": 2}[c.source.Name]}, nil
}

func (s *scripted) find(server string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finds[server] = err
}

// elect is what the watcher of the servers says.
func (s *scripted) elect(primary string) {
	s.mu.Lock()
	s.primary = primary
	s.mu.Unlock()
	s.moved()
}

// are asserts that transactions are XA, and that recovery asks the server that takes the writes.
func (s *scripted) are(t *testing.T, when, server string) {
	t.Helper()
	if err := s.shards.Unfit(); err != nil {
		t.Errorf("%s: transactions are not atomic: %v", when, err)
	}
	if at := s.shards.Server("ds_0"); at == nil || at.Addr != server {
		t.Errorf("%s: recovery asks %v, not %s", when, at, server)
	} else if err := at.DB.PingContext(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("%s: recovery's connections: %v", when, err)
	}
}

// The data source comes back to the server that the rules name: transactions are XA all the while, and recovery asks that server at once.
func TestControlComesBack(t *testing.T) {
	for _, c := range []struct {
		name string
		end  error // of the server that had the writes
	}{{"killed", io.EOF}, {"fenced", follows}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScripted()
				defer s.close()
				s.are(t, "at the start", second)
				s.find(second, c.end)
				time.Sleep(probeAgain + time.Second) // it is asked meanwhile
				s.elect("")
				s.are(t, "without a primary", second)
				time.Sleep(2 * probeAgain)
				s.are(t, "without a primary for long", second)
				s.find(first, nil)
				s.elect(first)
				s.are(t, "with the first", first)
				time.Sleep(2 * probeAgain)
				s.are(t, "afterwards", first)
			})
		})
	}
}

// The new primary answers late, or takes no writes yet when it is asked: it is asked again soon.
func TestControlOfLatePrimary(t *testing.T) {
	for _, late := range []error{io.EOF, follows} {
		synctest.Test(t, func(t *testing.T) {
			s := newScripted()
			defer s.close()
			s.find(first, late)
			s.elect(first)
			time.Sleep(probeSoon / 2)
			s.find(first, nil)
			time.Sleep(probeSoon)
			s.are(t, late.Error(), first)
		})
	}
}

// A server that is said to take writes and does not for longer than it is between two views is unfit, and not for longer than that lasts.
func TestControlOfFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		defer s.close()
		s.find(second, follows)
		time.Sleep(2 * probeAgain)
		if s.shards.Unfit() == nil {
			t.Error("transactions are XA over a server that follows another")
		}
		s.find(second, nil)
		time.Sleep(2 * probeSoon)
		s.are(t, "afterwards", second)
	})
}

// A server that was unfit is asked when something has changed.
func TestUnfitControlIsNudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		defer s.close()
		s.find(second, errors.New("sync_binlog is 0"))
		time.Sleep(probeAgain + time.Second)
		if s.shards.Unfit() == nil {
			t.Error("transactions are XA over a server that is unfit")
		}
		s.find(second, nil)
		s.moved()
		synctest.Wait()
		s.are(t, "at once", second)
	})
}

// With other rules the data source may be elsewhere altogether.
func TestControlOfOtherRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		defer s.close()
		s.elect("")
		for _, ds := range []backend.DataSource{{Name: "ds_0", Addr: "new:3306", Replicas: []string{first}}, {Name: "ds_0", Addr: "new:3306"}} {
			s.set([]backend.DataSource{ds, {Name: "ds_1", Addr: other}})
			s.are(t, "with other rules", "new:3306")
		}
	})
}
