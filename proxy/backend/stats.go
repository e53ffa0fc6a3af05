package backend

import (
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/internal/histogram"
)

// Served is what a data source's server has answered. Any goroutine may read it.
type Served struct {
	Times  histogram.Histogram // from sending a unit to the first packet of its answer
	Took   atomic.Int64        // their sum, nanoseconds
	Failed atomic.Uint64       // answered by an error, or not at all
}

// Answered counts the answer to a unit of a statement.
func (c *Conn) Answered(took time.Duration, failed bool) {
	s := &c.slot.pool.served
	s.Times.Add(took)
	s.Took.Add(int64(took))
	if failed {
		s.Failed.Add(1)
	}
}

// counters are what a pool has counted since it was made.
type counters struct {
	acquired   int64
	waits      int64
	waited     time.Duration
	timeouts   int64
	dials      int64
	dialErrors int64
	refused    int64
	hangs      int64
	evicted    int64
	dead       int64
	destroyed  int64
}

// Stats is the state of one data source's pool, and what it has counted since it was made.
type Stats struct {
	DataSource string
	Endpoint   string // address of the server
	Served     *Served
	MaxOpen    int
	Open       int // connections, lent, idle or being dialled
	Idle       int
	Asks       bool // there is a connection more, on which the server is asked whether it lives
	IdleBy     map[Flags]int
	Waiting    int
	Down       bool   // the server lets nobody in, or hangs
	Hangs      bool   // it keeps its connections and answers nothing
	LastError  string // why; "" unless the last dial failed, or it hangs

	Acquired   int64         // places given to borrowers, whose dial may still have failed
	Waits      int64         // of them, and of those given up: had to queue
	Waited     time.Duration // in total
	Timeouts   int64         // waits in vain
	Dials      int64
	DialErrors int64
	Refused    int64 // dials that were not tried because the server is down
	TimesHung  int64
	Evicted    int64 // idle connections closed in favour of other flags
	Dead       int64 // idle connections that the server had ended
	Destroyed  int64 // connections closed on their return
}

func (p *pool) stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.count
	s := Stats{
		DataSource: p.ds.Name, Endpoint: p.ds.Addr, Served: &p.served, MaxOpen: p.limits.MaxOpen, Open: p.open, Idle: p.idle.n, IdleBy: map[Flags]int{},
		Waiting: len(p.queue.waiting), Down: p.down.down(), Hangs: p.down.hangs, Asks: p.asks.Load(),
		Acquired: c.acquired, Waits: c.waits, Waited: c.waited, Timeouts: c.timeouts, Dials: c.dials,
		DialErrors: c.dialErrors, Refused: c.refused, TimesHung: c.hangs, Evicted: c.evicted, Dead: c.dead, Destroyed: c.destroyed,
	}
	for _, conn := range p.idle.all() {
		s.IdleBy[conn.info.Flags]++
	}
	if p.down.last != nil {
		s.LastError = reason(p.down.last)
	}
	return s
}
