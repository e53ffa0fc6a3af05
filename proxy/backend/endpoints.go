package backend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// Endpoint is the name of the pool of one server of a data source, for reads.
func Endpoint(dataSource, addr string) string { return dataSource + "@" + addr }

// IsEndpoint tells the name of an endpoint from that of a data source, which has no @.
func IsEndpoint(name string) bool { return strings.ContainsRune(name, '@') }

// endpoints puts the server that takes the writes into each data source, and the others beside it. It is called with mu.
func (p *Pools) endpoints(declared []DataSource) []DataSource {
	out := slices.Clone(declared)
	for i := range declared {
		ds := &declared[i]
		servers := append([]string{ds.Addr}, ds.Replicas...)
		if at := p.primary[ds.Name]; slices.Contains(servers, at) {
			out[i].Addr = at
		}
		for _, addr := range servers[:max(len(servers), 1)] {
			if addr == out[i].Addr || len(ds.Replicas) == 0 {
				continue
			}
			e := *ds
			e.Name, e.Addr, e.Replicas, e.FailoverWait, e.reads = Endpoint(ds.Name, addr), addr, nil, 0, true
			e.Limits.ConnectTimeout = min(e.Limits.withDefaults().ConnectTimeout, endpointConnect)
			out = append(out, e)
		}
	}
	return out
}

// endpointConnect is how long a replica has to let somebody in: another will.
const endpointConnect = time.Second

// Move makes the server at addr the one that takes a data source's writes, and lets statements go on that Hold has waiting. What
// is still under way at another server is ended, be it since before a change of rules: it could write what nobody would see. A server that is
// none of the data source's yet is waited for, as by Hold, until Set has it.
func (p *Pools) Move(dataSource, addr string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := (*p.current.Load())[dataSource]
	if was == nil || was.ds.Addr != addr {
		if p.primary == nil {
			p.primary = map[string]string{}
		}
		p.primary[dataSource] = addr
		if err := p.set(p.declared); err != nil {
			return err
		}
	}
	if now := (*p.current.Load())[dataSource]; now != nil && now.ds.Addr != addr {
		p.holdFor(dataSource, fmt.Sprintf("the primary is %s now, which the rules do not name yet", addr), 0, true)
		p.holds[dataSource].lacks = addr
		return nil
	}
	for _, src := range p.named(dataSource) {
		if src.ds.Addr != addr {
			src.cut(fmt.Sprintf("the primary is %s now", addr))
		}
	}
	p.letGo(dataSource)
	return nil
}

// letGo ends a Hold, if there is one. It is called with mu.
func (p *Pools) letGo(dataSource string) {
	h := p.holds[dataSource]
	if h == nil {
		return
	}
	delete(p.holds, dataSource)
	if now := (*p.current.Load())[dataSource]; now != nil {
		now.hold.Store(nil)
	}
	close(h.over)
}

// letGoKnown ends what waits for a server that is its data source's by now, or has none to be another's primary. It is called with mu.
func (p *Pools) letGoKnown() {
	for name, h := range p.holds {
		if now := (*p.current.Load())[name]; h.lacks != "" && (now == nil || now.ds.Addr == h.lacks || len(now.ds.Replicas) == 0) {
			p.letGo(name)
		}
	}
}

// named are the pools by the name of a data source or endpoint: the one that lends, and those that it has replaced of which something
// is lent yet. It is called with mu.
func (p *Pools) named(name string) []*pool {
	var all []*pool
	if src := (*p.current.Load())[name]; src != nil {
		all = append(all, src)
	}
	for _, src := range p.retired {
		if src.ds.Name == name {
			all = append(all, src)
		}
	}
	return all
}

// Hold has statements wait, up to FailoverWait from now, because no server takes a data source's writes; why says it. With cut
// what is under way is ended too, be it since before a change of rules.
func (p *Pools) Hold(dataSource, why string, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holdFor(dataSource, why, 0, cut)
}

// Pause is Hold for an orderly change, whose statements wait for at least so long. What is under way goes on.
func (p *Pools) Pause(dataSource, why string, least time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holdFor(dataSource, why, least, false)
}

// Lent is how many connections to a data source's primary are in use or being opened; those that were lent before a change of rules count,
// those that Move, Hold or Cut has ended do not.
func (p *Pools) Lent(dataSource string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, src := range p.named(dataSource) {
		n += src.inUse()
	}
	return n
}

// inUse is how many connections are lent and not cut, or being opened.
func (p *pool) inUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.open - p.idle.n
	for c := p.lent.first; c != nil; c = c.slot.next {
		if c.cut.Load() != nil {
			n--
		}
	}
	return n
}

// holdFor is called with mu.
func (p *Pools) holdFor(dataSource, why string, least time.Duration, cut bool) {
	src := (*p.current.Load())[dataSource]
	if src == nil || p.closed {
		return
	}
	h := &hold{why: why, until: time.Now().Add(max(least, src.ds.FailoverWait)), over: make(chan struct{})}
	if have := p.holds[dataSource]; have != nil {
		h.until, h.over = have.until, have.over
	}
	if p.holds == nil {
		p.holds = map[string]*hold{}
	}
	p.holds[dataSource] = h
	src.hold.Store(h)
	if cut {
		for _, src := range p.named(dataSource) {
			src.cut(why)
		}
	}
}

// Cut breaks the connections of a data source or endpoint whose server hangs, so that nobody waits for it.
func (p *Pools) Cut(name, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, src := range p.named(name) {
		src.cut(why)
	}
}

// Rest has a server's endpoint keep no connection: those that nobody uses are closed at once, the others as they come back. Who asks
// for one all the same is lent one. It is remembered until it is taken back, whether there is such an endpoint now or not.
func (p *Pools) Rest(name string, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on == p.resting[name] {
		return
	}
	if p.resting == nil {
		p.resting = map[string]bool{}
	}
	if delete(p.resting, name); on {
		p.resting[name] = true
	}
	if src := (*p.current.Load())[name]; src != nil {
		src.rest(on)
		select {
		case p.rested <- src:
		default: // it is looked at soon
		}
	}
}

func (p *pool) rest(on bool) {
	p.mu.Lock()
	p.resting = on
	if on {
		for _, c := range p.idle.all() {
			p.evict(c)
		}
		p.dispatch()
	}
	p.unlock()
}

// hold keeps the connections of a data source back.
type hold struct {
	why   string
	until time.Time
	over  chan struct{} // closed by Move
	lacks string        // the primary, which the data source does not have yet; "": it is another reason
}

// held waits for the end of a Hold, if there is one.
func (p *pool) held(ctx context.Context) error {
	h := p.hold.Load()
	if h == nil {
		return nil
	}
	timer := time.NewTimer(time.Until(h.until))
	defer timer.Stop()
	var err error
	select {
	case <-h.over:
		return nil
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(ctx))
	case <-timer.C:
		if now := p.hold.Load(); now != nil {
			h = now // the reason may be another by now
		}
		err = sqlerr.BackendUnavailable(p.ds.Name, "no server takes its writes: "+h.why)
	}
	return &Error{DataSource: p.ds.Name, Op: "acquire", Err: err}
}

// retryPause is between two attempts while a server is away that another may take the place of.
const retryPause = 50 * time.Millisecond

// outlasts waits a moment after a failure to connect, and reports whether to try again: whether a successor of the server may
// still be found in time.
func (p *pool) outlasts(ctx context.Context, err error) bool {
	if p.ds.FailoverWait == 0 || !p.failing.Load() || !SafeToRetry(err) || ctx.Err() != nil {
		return false
	}
	p.mu.Lock()
	left := p.down.since + p.ds.FailoverWait - p.now()
	p.mu.Unlock()
	if left <= 0 {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(min(retryPause, left)):
		return true
	}
}

// cut breaks every connection of the pool. Whoever has one is told why; who stands in the queue looks for the pool anew, for he may have
// queued before a Hold.
func (p *pool) cut(why string) {
	p.mu.Lock()
	for c := p.lent.first; c != nil; c = c.slot.next {
		c.cut.CompareAndSwap(nil, &why) // the first reason is the one
		c.Interrupt()
	}
	for _, c := range p.idle.all() {
		p.evict(c)
	}
	p.queue.failAll(errRetired)
	p.unlock()
}

// lentList are the connections that borrowers have.
type lentList struct{ first *Conn }

func (l *lentList) add(c *Conn) {
	c.slot.lent, c.slot.prev, c.slot.next = true, nil, l.first
	if l.first != nil {
		l.first.slot.prev = c
	}
	l.first = c
}

func (l *lentList) remove(c *Conn) {
	if !c.slot.lent {
		return
	}
	if c.slot.prev != nil {
		c.slot.prev.slot.next = c.slot.next
	} else {
		l.first = c.slot.next
	}
	if c.slot.next != nil {
		c.slot.next.slot.prev = c.slot.prev
	}
	c.slot.lent, c.slot.prev, c.slot.next = false, nil, nil
}

// Writer is told what its statements write to data sources with replicas, before their answers are passed on.
type Writer interface {
	// Wrote is called with the GTIDs of what has been committed, as the server says them; they are valid until it returns.
	Wrote(dataSource string, gtids []byte)
	// Doubt is called when something may have been committed of which no more is known.
	Doubt(dataSource string)
}

// For has w told of what the lease's statements write, until it ends.
func (l *Lease) For(w Writer) {
	if len(l.conn.ds.Replicas) > 0 {
		l.conn.writer = w
		_, told := l.conn.applied.base[l.conn.info.Flavour.tracksWrites().name]
		l.conn.untold = !told
	}
}

// LastGTID is the variable by which MariaDB tells of the transaction that a statement has committed. It cannot be set.
const LastGTID = "last_gtid"

func (c *Conn) wrote(gtids []byte) {
	if c.writer != nil && len(gtids) > 0 {
		c.writer.Wrote(c.ds.Name, gtids)
	}
}

func (c *Conn) doubt() {
	if c.writer != nil {
		c.writer.Doubt(c.ds.Name)
	}
}

// trackWrites has a server tell of what is committed beside what it tells anyway.
const trackWrites = "IF(@@global.session_track_system_variables='*','*',CONCAT_WS(',',NULLIF(@@global.session_track_system_variables,''),'last_gtid'))"

const trackedVariables = "session_track_system_variables"

// tracksWrites is the setting by which a server tells of what is committed.
func (f Flavour) tracksWrites() baseVar {
	if f.MariaDB {
		return baseVar{name: trackedVariables, literal: trackWrites}
	}
	return baseVar{name: "session_track_gtids", literal: "OWN_GTID"}
}

// own adds to what connections begin with what those of this pool have to have. Connections of endpoints cannot write: a
// program that a query calls unseen would change a server that only follows.
func (p *pool) own(vars []baseVar, f Flavour) []baseVar {
	switch {
	case p.ds.reads:
		vars = slices.DeleteFunc(slices.Clone(vars), func(v baseVar) bool { return v.name == readOnly })
		return append(vars, baseVar{name: readOnly, literal: "1"})
	case len(p.ds.Replicas) > 0:
		return append(slices.Clone(vars), f.tracksWrites())
	}
	return vars
}

var errNoEndpoint = errors.New("no server of the data source may be read")

// NoEndpoint is the error of a read where the policy wants a replica and none may be read.
func NoEndpoint(dataSource string) error {
	return &Error{DataSource: dataSource, Op: "acquire", Err: errNoEndpoint}
}
