package txn

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// Shards are the data sources of which it is known how they keep distributed transactions. It is filled by whoever probes
// them, and may change while transactions run.
type Shards struct {
	At Failpoint // of what operators do; nil: none

	mu     sync.RWMutex // guards what follows
	shards map[string]shard
	owners map[xa.Log]*txnlog.Server // of the data sources' own logs
	all    bool                      // each has been reached
	first  error                     // why the first of those that are unfit is so
}

type shard struct {
	server *txnlog.Server // nil: never reached
	unfit  error
	away   bool // unfit is that it could not be reached
	moving bool // another server has taken its place, which has not been probed yet
	// readers are places for those who read atomically and ask a question over the server's connections.
	readers chan struct{}
}

// readersAsk is how many of those ask at the same time: less than a third of the connections that a process has for recovery, which needs its own when a server is slow.
const readersAsk = 6

// NewShards returns an empty set.
func NewShards() *Shards { return &Shards{shards: map[string]shard{}, first: errNotProbed} }

// UnfitError is a data source that cannot have part in a distributed transaction.
type UnfitError struct {
	DataSource string
	Why        error
	Away       bool // it could not be reached yet
}

// Error implements error.
func (e *UnfitError) Error() string {
	return fmt.Sprintf("data source %s cannot have part in an XA transaction: %v", e.DataSource, e.Why)
}

// Told is the reason without what a server has answered, or a connection: that may name what clients do not see.
func (e *UnfitError) Told() string {
	if e.Away {
		return "it has not been reached yet"
	}
	text := e.Why.Error()
	for cause := errors.Unwrap(e.Why); cause != nil; cause = errors.Unwrap(cause) {
		text = strings.TrimSuffix(text, ": "+cause.Error())
	}
	return text
}

// Unwrap gives the reason.
func (e *UnfitError) Unwrap() error { return e.Why }

// Set says what a probe has found. A server that was reached is recovered also while unfit for new transactions.
func (s *Shards) Set(name string, server *txnlog.Server, unfit error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch before := s.shards[name].server; {
	case server == nil:
		server = before
	case before != nil:
		server.Follow(before)
	}
	if server != nil && unfit == nil {
		for other, have := range s.shards {
			if other != name && have.server != nil && have.server.Log == server.Log {
				unfit = fmt.Errorf("its log is that of data source %s too", other)
			}
		}
	}
	readers := s.shards[name].readers
	if readers == nil {
		readers = make(chan struct{}, readersAsk)
	}
	s.shards[name] = shard{server: server, unfit: unfit, readers: readers, moving: s.shards[name].moving && server == s.shards[name].server}
	s.look()
}

// Moving says that the server of a data source is of no use any more, and that another one is going to be Set. What is known of it holds, and who reads atomically waits.
func (s *Shards) Moving(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, known := s.shards[name]; known {
		at.moving = true
		s.shards[name] = at
	}
}

// Away says that a data source could not be reached. What was known of it holds; of one that was never reached it is not known
// what it can keep, and it is refused, but it does not make the mesh unfit.
func (s *Shards) Away(name string, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shards[name].server == nil {
		s.shards[name] = shard{unfit: why, away: true}
		s.look()
	}
}

// Remove forgets a data source.
func (s *Shards) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.shards, name)
	s.look()
}

// Fit returns the log of a data source that can have part in a distributed transaction, or an *UnfitError.
func (s *Shards) Fit(name string) (xa.Log, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	have, known := s.shards[name]
	switch {
	case have.unfit != nil:
		return 0, &UnfitError{name, have.unfit, have.away}
	case !known || have.server == nil:
		return 0, &UnfitError{name, errNotProbed, false}
	}
	return have.server.Log, nil
}

// Unfit is why some data source cannot have part in a distributed transaction; nil: all that are known can.
func (s *Shards) Unfit() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.first
}

// look finds the owners of logs, and the first that is unfit. The caller holds mu.
func (s *Shards) look() {
	s.first, s.all, s.owners = nil, true, make(map[xa.Log]*txnlog.Server, len(s.shards))
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(s.shards))) {
		if server := s.shards[name].server; server != nil {
			s.owners[server.Log] = server
		} else {
			s.all = false
		}
	}
	if len(s.shards) == 0 {
		s.first = errNotProbed
	}
	for _, name := range slices.Sorted(maps.Keys(s.shards)) {
		if why := s.shards[name].unfit; why != nil && !s.shards[name].away {
			s.first = &UnfitError{name, why, false}
			return
		}
	}
}

// Server is a data source's server, nil if it was never reached.
func (s *Shards) Server(name string) *txnlog.Server {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.shards[name].server
}

// reader is a data source for those who read atomically.
func (s *Shards) reader(name string) shard {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.shards[name]
}

// unreached is why there are data sources without a server; nil: there are none.
func (s *Shards) unreached() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.shards)) {
		if have := s.shards[name]; have.server == nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, cmp.Or(have.unfit, errNotProbed)))
		}
	}
	return errors.Join(errs...)
}

// ByLog is the server that has a log, nil if none is known to: that of the data source whose log it is. Where it is nobody's, as after a data source
// was given another name, it is the server that keeps it: if there is only one, for copies of a server have its logs too.
func (s *Shards) ByLog(log xa.Log) *txnlog.Server {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if owner := s.owners[log]; owner != nil || !s.all { // it may be the log of one that has not been reached yet
		return owner
	}
	var keeper *txnlog.Server
	for _, name := range slices.Sorted(maps.Keys(s.shards)) {
		at := s.shards[name].server
		switch {
		case !slices.Contains(at.Logs(), log):
		case keeper == nil:
			keeper = at
		case at.Addr == "" || at.Addr != keeper.Addr:
			return nil
		}
	}
	return keeper
}

// Names are the data sources in order.
func (s *Shards) Names() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	names := make([]string, 0, len(s.shards))
	for name := range s.shards {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
