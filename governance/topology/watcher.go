package topology

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Target is a data source to be watched.
type Target struct {
	DataSource string
	Servers    []Server
	// Config is how a server is logged in to; its address is put in. It is not changed.
	Config *mysql.Config
	Policy Policy
	Every  time.Duration // the pause between two questions to a server; default 250 ms
	Within time.Duration // what an answer may take; default 1 s
	// Changed is told every View, in order, from one goroutine. It must not call Close.
	Changed func(View)
}

// Watcher asks the servers of one data source until Close.
type Watcher struct {
	target  Target
	current atomic.Pointer[View]
	first   chan struct{}   // closed when every server has been asked once, and nothing is open
	servers chan []Server   // what they are declared as now
	ask     []chan struct{} // one for each server: it is to be asked now
	stop    context.CancelFunc
	work    sync.WaitGroup
}

// Watch begins to ask.
func Watch(t Target) *Watcher {
	if t.Every <= 0 {
		t.Every = 250 * time.Millisecond
	}
	if t.Within <= 0 {
		t.Within = time.Second
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Watcher{target: t, first: make(chan struct{}), servers: make(chan []Server, 1), stop: stop}
	w.current.Store(&View{DataSource: t.DataSource})
	seen := make(chan Observation)
	for _, s := range t.Servers {
		now := make(chan struct{}, 1)
		w.ask = append(w.ask, now)
		w.work.Go(func() { w.probe(ctx, s.Address, now, seen) })
	}
	w.work.Go(func() { w.judge(ctx, seen) })
	return w
}

// View is what is concluded now.
func (w *Watcher) View() View { return *w.current.Load() }

// First waits until every server has been asked once, and once more where that leaves open which of several is the primary, or ctx ends.
func (w *Watcher) First(ctx context.Context) {
	select {
	case <-w.first:
	case <-ctx.Done():
	}
}

// Declare replaces what is declared of the servers; they are the same, in the same order. It does not wait.
func (w *Watcher) Declare(servers []Server) {
	for {
		select {
		case w.servers <- servers:
			return
		case <-w.servers: // nobody has looked at it yet
		}
	}
}

// Ask has every server asked at once, beside the regular times.
func (w *Watcher) Ask() {
	for _, now := range w.ask {
		select {
		case now <- struct{}{}:
		default:
		}
	}
}

// Close ends the questions and waits for those under way, which it interrupts.
func (w *Watcher) Close() {
	w.stop()
	w.work.Wait()
}

// probe asks one server again and again, on one connection as long as that lasts. A server that hangs delays no other.
func (w *Watcher) probe(ctx context.Context, address string, now <-chan struct{}, seen chan<- Observation) {
	config := w.target.Config.Clone()
	config.Net, config.Addr = "tcp", address
	if address[0] == '/' {
		config.Net = "unix"
	}
	config.Logger = &mysql.NopLogger{}
	config.Timeout, config.ReadTimeout, config.WriteTimeout = w.target.Within, w.target.Within, w.target.Within
	connector, err := mysql.NewConnector(config)
	if err != nil {
		send(ctx, seen, Observation{Address: address, Began: time.Now(), At: time.Now(), Denied: err.Error()})
		return
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	tick := time.NewTicker(w.target.Every)
	defer tick.Stop()
	for {
		if !send(ctx, seen, w.once(ctx, db, address)) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-now:
		}
	}
}

// once asks a server, and closes a connection that has failed: the next question then is whether it lets anybody in.
func (w *Watcher) once(ctx context.Context, db *sql.DB, address string) Observation {
	ctx, cancel := context.WithTimeout(ctx, w.target.Within)
	defer cancel()
	began := time.Now()
	conn, err := db.Conn(ctx)
	if err != nil {
		o := Observation{Address: address, Began: began, At: time.Now()}
		o.failed(err)
		return o
	}
	defer conn.Close()
	return ask(ctx, conn, address)
}

func send(ctx context.Context, to chan<- Observation, o Observation) bool {
	if ctx.Err() != nil {
		return false // what was interrupted by Close says nothing
	}
	select {
	case to <- o:
		return true
	case <-ctx.Done():
		return false
	}
}

// judge makes a View of each answer, and of each change of what is declared.
func (w *Watcher) judge(ctx context.Context, seen <-chan Observation) {
	servers := w.target.Servers
	newest := make([]Observation, 0, len(servers))
	begun := false // first is closed
	for {
		var at time.Time
		select {
		case <-ctx.Done():
			return
		case servers = <-w.servers:
			at = time.Now()
		case o := <-seen:
			at = o.At
			if i := slices.IndexFunc(newest, func(have Observation) bool { return have.Address == o.Address }); i >= 0 {
				newest[i] = o
			} else {
				newest = append(newest, o)
			}
		}
		if len(newest) < len(servers) {
			continue // of a part of them nothing is concluded
		}
		prev := *w.current.Load()
		if prev.open && !begun { // the look is still the first
			prev = View{DataSource: prev.DataSource}
		}
		view := Judge(prev, servers, newest, w.target.Policy, at)
		w.current.Store(&view)
		if w.target.Changed != nil {
			w.target.Changed(view)
		}
		if !view.open && !begun {
			begun = true
			close(w.first)
		}
	}
}
