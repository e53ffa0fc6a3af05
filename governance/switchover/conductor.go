package switchover

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/internal/gtid"
)

// The errors of a switch, to be tested with errors.Is.
var (
	ErrBusy   = errors.New("somebody is at work on a planned switch of the data source")
	ErrUndone = errors.New("the planned switch was undone, and everything is as before")
	ErrUnfit  = errors.New("a planned switch is not possible")
	// ErrOpen is a switch that is neither finished nor undone. Its record stays, so that it can be.
	ErrOpen = errors.New("the planned switch is neither finished nor undone")
)

// Conductor works on the planned switch of one data source at a time.
type Conductor struct {
	Store   store.Store
	Account *Account
	// Living are the names of the instances that have to hold their writes.
	Living func(ctx context.Context) ([]string, error)
	// Told is called before each step with what is about to be done; an error ends the switch as that of the step would. Nil: nobody.
	Told func(step, what string) error

	family *family // of the servers, as Check has found it
	tls    bool    // To follows by TLS
	record Record
	at     store.KV // the record, as it was written last
	driver store.KV
	lease  *store.Lease
}

// leaseTime is how long a switch stands still after the end of who was at work on it, before another takes it up.
const leaseTime = 3 * time.Second

// Plan is what is to be done.
type Plan struct {
	DataSource, From, To string
	Others               []string
	Grace, Hold, CatchUp time.Duration
	By                   string
}

// The bounds of a switch where nothing else is said.
const (
	DefaultGrace   = 500 * time.Millisecond
	DefaultHold    = 950 * time.Millisecond
	DefaultCatchUp = 60 * time.Second
)

// Outcome is what has come of a switch.
type Outcome struct {
	Record Record
	Held   []Held // by the instances that told
}

// Check asks the servers whether the switch is possible, and changes nothing. It returns what would be done.
func (c *Conductor) Check(ctx context.Context, p Plan) (steps []string, err error) {
	unfit := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrUnfit}, args...)...)
	}
	from, to, err := c.both(ctx, p)
	switch {
	case err != nil:
		return nil, err
	case from.family != to.family:
		return nil, unfit("%s is a server of %s, and %s one of %s", p.From, from.family.name, p.To, to.family.name)
	case from.gtids != "ON" || to.gtids != "ON":
		return nil, unfit("gtid_mode is %s on %s and %s on %s, and has to be ON", from.gtids, p.From, to.gtids, p.To)
	case len(to.own.Minus(from.written.Set)) > 0:
		return nil, unfit("%s has transactions that %s lacks: %s", p.To, p.From, to.own.Minus(from.written.Set))
	case from.readOnly:
		return nil, unfit("%s is read-only", p.From)
	case from.source != "":
		return nil, unfit("%s follows %s itself", p.From, from.source)
	case to.source == "":
		return nil, unfit("%s follows nobody", p.To)
	case to.several || from.several:
		return nil, unfit("connections of replication by a name, or several, are not understood")
	case !to.fetches || !to.applies:
		return nil, unfit("%s does not replicate: %s", p.To, to.trouble)
	case !to.logs || !from.logs:
		return nil, unfit("nobody could follow a server without log_bin and log_replica_updates (log_slave_updates)")
	case !to.readOnly:
		return nil, unfit("%s takes writes already", p.To)
	}
	for _, other := range p.Others {
		l, err := c.server(other).look(ctx)
		if err != nil {
			return nil, err
		}
		if l.several || l.source == "" || !l.applies {
			return nil, unfit("%s does not replicate as it should: %s", other, l.trouble)
		}
		steps = append(steps, fmt.Sprintf("%s: follows %s in place of %s", other, p.To, l.source))
	}
	c.family, c.tls = from.family, to.tls
	return append(steps,
		fmt.Sprintf("all instances hold writes, for %v at the most; transactions have %v to end", p.Hold, p.Grace),
		p.From+": "+c.family.closed(), p.To+": waits until it has all that "+p.From+" has written",
		p.To+": "+strings.Join(c.family.detach(), ", ")+", read_only=0", "all instances go on, with "+p.To,
		fmt.Sprintf("%s: follows %s", p.From, p.To)), nil
}

// both looks at the two, at From last: it has what To has, and may have come further.
func (c *Conductor) both(ctx context.Context, p Plan) (from, to looked, err error) {
	if to, err = c.server(p.To).look(ctx); err == nil {
		from, err = c.server(p.From).look(ctx)
	}
	return from, to, err
}

func (c *Conductor) server(address string) *server { return &server{address, c.Account} }

// Switch does it. Whatever fails before the new primary takes writes is undone, and the error is ErrUndone.
func (c *Conductor) Switch(ctx context.Context, p Plan) (Outcome, error) {
	if _, err := c.Check(ctx, p); err != nil {
		return Outcome{}, err
	}
	c.record = Record{
		ID: rand.Text(), DataSource: p.DataSource, From: p.From, To: p.To, Others: p.Others, Step: Chaining, Reached: Chaining,
		Grace: p.Grace, Hold: p.Hold, By: p.By, Began: time.Now().UTC(), TLS: c.tls,
	}
	if err := c.begin(ctx); err != nil {
		return Outcome{}, err
	}
	err := c.forward(ctx, p.CatchUp)
	return c.ended(ctx, err)
}

// ended finishes or undoes what forward has left, and gives the place back.
func (c *Conductor) ended(ctx context.Context, err error) (Outcome, error) {
	if err != nil {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = c.settle(end, err)
	}
	out := Outcome{Record: c.record}
	out.Held, _ = c.held(context.WithoutCancel(ctx)) // it is only told
	if err == nil || errors.Is(err, ErrUndone) {
		c.sweep(context.WithoutCancel(ctx))
	}
	c.leave(context.WithoutCancel(ctx))
	return out, err
}

// Resume finishes, or undoes, a switch that somebody has left; wanted is Undoing, Released, or "" for what is right.
func (c *Conductor) Resume(ctx context.Context, dataSource string, wanted Step) (Outcome, error) {
	kv, err := c.Store.Get(ctx, layout.SwitchKey(dataSource))
	if err != nil {
		return Outcome{}, err
	}
	if c.record, err = DecodeRecord(kv.Value); err != nil {
		return Outcome{}, err
	}
	if err := c.enter(ctx, kv); err != nil {
		return Outcome{}, err
	}
	if wanted == Undoing && c.record.Reached == Released {
		c.leave(ctx)
		return Outcome{Record: c.record}, fmt.Errorf("%w: %s takes writes, which would be lost; promote %s anew", ErrUnfit, c.record.To, c.record.From)
	}
	why := errors.New("who had begun it has left it")
	if c.record.Problem != "" {
		why = errors.New(c.record.Problem)
	}
	if wanted == Undoing {
		why = errors.New("it was asked for")
		err = c.undo(ctx, why)
	} else {
		err = c.settle(ctx, why)
	}
	out := Outcome{Record: c.record}
	if err == nil || errors.Is(err, ErrUndone) {
		c.sweep(ctx)
	}
	c.leave(ctx)
	return out, err
}

// begin writes the record, where there is none, and takes the place.
func (c *Conductor) begin(ctx context.Context) error {
	return c.enter(ctx, store.KV{Key: layout.SwitchKey(c.record.DataSource)})
}

// enter takes the place of who is at work, if it is free and the record is as it was read.
func (c *Conductor) enter(ctx context.Context, was store.KV) error {
	lease, err := c.Store.Grant(ctx, leaseTime)
	if err != nil {
		return fmt.Errorf("begin a planned switch: %w", err)
	}
	text, err := c.record.Encode()
	if err != nil {
		return err
	}
	driver := layout.DriverKey(c.record.DataSource)
	res, err := c.Store.Txn(ctx, []store.Cond{store.Unchanged(was), store.Absent(driver)},
		[]store.Op{store.Put(was.Key, text), store.PutLeased(driver, []byte(c.record.By), lease.ID())})
	if err == nil && res.OK {
		c.lease = lease
		c.at, c.driver = store.KV{Key: was.Key, Modified: res.Revision}, store.KV{Key: driver, Modified: res.Revision}
		return nil
	}
	_ = lease.Revoke(ctx) // it ends by itself
	if err != nil {
		return fmt.Errorf("begin a planned switch: %w", err)
	}
	return fmt.Errorf("%w; heddle rw promote --finish or --undo takes up what was left", ErrBusy)
}

// leave lets others take the place.
func (c *Conductor) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_ = c.lease.Revoke(ctx) // it ends by itself
}

// write puts the record into the store as it is now. Nothing is done to a server before that has been written, and nothing by one who has
// lost his place.
func (c *Conductor) write(ctx context.Context, step Step) error {
	// A step that has come too late is taken back in order, which begins by knowing what the store has.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	next := c.record
	next.Step = step
	if step != Undoing {
		next.Reached, next.Free = step, false
	}
	text, err := next.Encode()
	if err != nil {
		return err
	}
	if err := c.mine(); err != nil {
		return err
	}
	res, err := c.Store.Txn(ctx, []store.Cond{store.Unchanged(c.at), store.Unchanged(c.driver)}, []store.Op{store.Put(c.at.Key, text)})
	switch {
	case err != nil:
		return c.lost(err)
	case !res.OK:
		return c.lost(errors.New("another is at work on it"))
	}
	c.record, c.at.Modified = next, res.Revision
	return nil
}

// errLost is that nothing more may be done: another may be at work.
var errLost = errors.New("the store does not say any more that this is whose turn it is")

func (c *Conductor) lost(why error) error { return fmt.Errorf("%w: %w", errLost, why) }

// mine is an error when the place may have been given to another.
func (c *Conductor) mine() error {
	if !c.lease.Alive() {
		return c.lost(c.lease.Err())
	}
	return nil
}

// tell tells of what is about to be done. Behind the last of the steps that are written, who has lost his place has to find it here: another
// may be long done, and have begun the next switch.
func (c *Conductor) tell(step, format string, args ...any) error {
	if err := c.mine(); err != nil || c.Told == nil {
		return err
	}
	return c.Told(step, fmt.Sprintf(format, args...))
}

// forward goes all steps.
func (c *Conductor) forward(ctx context.Context, catchUp time.Duration) error {
	r := &c.record
	if err := c.chain(ctx, r.To, catchUp); err != nil {
		return err
	}
	if err := c.near(ctx, catchUp); err != nil {
		return err
	}
	if err := c.tell("hold", "all instances hold writes"); err != nil {
		return err
	}
	if err := c.write(ctx, Holding); err != nil {
		return err
	}
	flip, cancel := context.WithTimeout(ctx, r.Hold)
	defer cancel()
	if err := c.holding(flip); err != nil {
		return err
	}
	if err := c.fence(flip); err != nil {
		return err
	}
	return c.promote(flip, ctx)
}

// chain has the other replicas follow a server: To, or From again.
func (c *Conductor) chain(ctx context.Context, primary string, most time.Duration) error {
	for _, address := range c.record.Others {
		if err := c.tell("chain", "%s follows %s", address, primary); err != nil {
			return err
		}
		other := c.server(address)
		l, err := other.look(ctx)
		if err != nil {
			return err
		}
		if l.source != primary && primary == c.record.To && !c.record.Reached.reached(Released) {
			// A server refuses to be followed by one that has more than itself.
			if err := c.ahead(ctx, other, most); err != nil {
				return err
			}
		}
		if err := other.follow(ctx, primary, c.record.TLS); err != nil {
			return err
		}
	}
	for _, address := range c.record.Others {
		if err := c.server(address).following(ctx, 5*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// ahead stops a replica, and waits until To has what it has.
func (c *Conductor) ahead(ctx context.Context, other *server, most time.Duration) error {
	if err := other.stop(ctx); err != nil {
		return err
	}
	l, err := other.look(ctx)
	if err != nil {
		return err
	}
	return c.server(c.record.To).await(ctx, l.applied, most)
}

// near waits until To has what From had a moment ago, so that the rest is little.
func (c *Conductor) near(ctx context.Context, most time.Duration) error {
	if err := c.tell("catch up", "%s comes to have what %s has written", c.record.To, c.record.From); err != nil {
		return err
	}
	for until := time.Now().Add(most); ; {
		l, err := c.server(c.record.From).look(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := c.server(c.record.To).await(ctx, l.written, time.Until(until)); err != nil {
			return err
		}
		if time.Since(began) < c.record.Grace/4 {
			return nil
		}
	}
}

// holding waits until all living instances hold their writes, and no distributed transaction stands at From.
func (c *Conductor) holding(ctx context.Context) error {
	for {
		living, err := c.Living(ctx)
		if err != nil {
			return err
		}
		held, err := c.held(ctx)
		if err != nil {
			return err
		}
		missing := slices.DeleteFunc(slices.Clone(living), func(name string) bool {
			return slices.ContainsFunc(held, func(h Held) bool { return h.Instance == name })
		})
		if len(missing) == 0 {
			break
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("%s does not hold its writes in time", strings.Join(missing, ", "))
		}
	}
	for {
		l, err := c.server(c.record.From).look(ctx)
		if err != nil {
			return err
		}
		if l.prepared == 0 {
			return nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("%d transactions over several data sources are prepared at %s and do not end in time", l.prepared, c.record.From)
		}
	}
}

// held are what the instances say.
func (c *Conductor) held(ctx context.Context) ([]Held, error) {
	list, err := c.Store.List(ctx, layout.HeldPrefix(c.record.DataSource, c.record.ID))
	if err != nil {
		return nil, err
	}
	out := make([]Held, 0, len(list.KVs))
	for _, kv := range list.KVs {
		h, err := DecodeHeld(kv.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

// fence makes From read-only and notes all that it has written, which To has to have.
func (c *Conductor) fence(ctx context.Context) error {
	r := &c.record
	if err := c.tell("fence", "%s: %s", r.From, c.family.closed()); err != nil {
		return err
	}
	if err := c.write(ctx, Fencing); err != nil {
		return err
	}
	position, err := c.server(r.From).fence(ctx)
	if err != nil {
		return err
	}
	if err := c.tell("await", "%s comes to have %s", r.To, position); err != nil {
		return err
	}
	r.Position = position.String()
	if err := c.write(ctx, Fenced); err != nil {
		return err
	}
	return c.server(r.To).await(ctx, position, within)
}

// promote has To take the writes, and the instances use it. From then on nothing is undone: what is missing is done within ctx.
func (c *Conductor) promote(flip, ctx context.Context) error {
	r := &c.record
	if err := c.tell("detach", "%s: %s", r.To, strings.Join(c.family.detach(), ", ")); err != nil {
		return err
	}
	if other := c.moot(flip); other != "" {
		return fmt.Errorf("%s", other)
	}
	if err := c.write(flip, Promoting); err != nil {
		return err
	}
	if err := c.server(r.To).detach(flip); err != nil {
		return err
	}
	if err := c.tell("open", "%s: read_only=0", r.To); err != nil {
		return err
	}
	if err := c.server(r.To).open(flip); err != nil {
		return err
	}
	if err := c.tell("release", "all instances go on, with %s", r.To); err != nil {
		return err
	}
	if err := c.write(flip, Released); err != nil {
		return err
	}
	c.used(ctx)
	return c.tail(ctx)
}

// used waits until the instances use the new primary, or hold their writes no more: the record tells them until then.
func (c *Conductor) used(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.record.Hold)
	defer cancel()
	for {
		held, err := c.held(ctx)
		if err == nil && !slices.ContainsFunc(held, func(h Held) bool { return h.Used == 0 }) || pause(ctx, 10*time.Millisecond) != nil {
			return
		}
	}
}

// tail has everybody follow the new primary.
func (c *Conductor) tail(ctx context.Context) error {
	if err := c.tell("follow", "%s follows %s", c.record.From, c.record.To); err != nil {
		return err
	}
	if err := c.chain(ctx, c.record.To, within); err != nil {
		return err
	}
	from := c.server(c.record.From)
	if err := from.follow(ctx, c.record.To, c.record.TLS); err != nil {
		return err
	}
	return from.following(ctx, 5*time.Second)
}

// settle finishes a switch that something has happened to, or undoes it.
func (c *Conductor) settle(ctx context.Context, why error) error {
	if errors.Is(why, errLost) {
		return fmt.Errorf("%w, and others can take it up: %w", ErrOpen, why)
	}
	if other := c.moot(ctx); other != "" {
		return fmt.Errorf("%w, as far as it still mattered: %s: %w", ErrUndone, other, why)
	}
	finish := c.record.Step == Released
	if !finish && c.record.Reached.reached(Fenced) {
		finish = c.mustFinish(ctx)
	}
	if !finish {
		return c.undo(ctx, why)
	}
	if err := c.finish(ctx); err != nil {
		if c.record.Step == Released || errors.Is(err, errLost) {
			return c.stays(ctx, err)
		}
		return c.undo(ctx, errors.Join(why, err))
	}
	return nil
}

// moot says that somebody else has promoted a server meanwhile; "": nobody has, as far as can be seen. Nothing is undone then.
func (c *Conductor) moot(ctx context.Context) string {
	r := &c.record
	if r.Step == Released {
		return ""
	}
	others := slices.Clone(r.Others)
	if r.Free || !r.Reached.reached(Promoting) {
		others = append(others, r.To)
	}
	for _, address := range others {
		if l, err := c.server(address).look(ctx); err == nil && !l.readOnly && l.source == "" {
			return address + " has been made the primary by others"
		}
	}
	if l, err := c.server(r.From).look(ctx); err == nil && l.source != "" {
		return r.From + " has been made to follow " + l.source + " by others"
	}
	return ""
}

// mustFinish reports whether a switch of which To may be the primary already, or of which From is gone, is to be gone on with: To has all
// that From had, and From is not there to have the writes back, or has been told before.
func (c *Conductor) mustFinish(ctx context.Context) bool {
	to, err := c.server(c.record.To).look(ctx)
	if err != nil {
		return false
	}
	if has, err := covers(to, c.record.Position); err != nil || !has {
		return false
	}
	if c.record.Reached.reached(Promoting) && c.record.Step != Undoing {
		return true
	}
	_, err = c.server(c.record.From).look(ctx)
	return err != nil
}

// covers reports whether a server has a position.
func covers(l looked, position string) (bool, error) {
	want, err := gtid.Parse(position)
	if err != nil {
		return false, err
	}
	return l.applied.Clone().Merge(l.written).Covers(want), nil
}

// finish goes the steps from Promoting on, whatever of them has been gone. Without From, nothing but that it follows is missing.
func (c *Conductor) finish(ctx context.Context) error {
	r := &c.record
	if r.Step != Released {
		if err := c.write(ctx, Promoting); err != nil {
			return err
		}
		from, err := c.server(r.From).look(ctx)
		if err == nil && !from.readOnly { // it was started anew meanwhile
			position, err := c.server(r.From).fence(ctx)
			if err != nil {
				return err
			}
			r.Position = position.String()
		}
		to, err := c.server(r.To).look(ctx)
		if err != nil {
			return err
		}
		if has, err := covers(to, r.Position); err != nil || !has {
			return errors.Join(err, fmt.Errorf("%s: %w: %s", r.To, errLate, r.Position))
		}
		if to.source != "" {
			if err := c.server(r.To).detach(ctx); err != nil {
				return err
			}
		}
		if err := c.server(r.To).open(ctx); err != nil {
			return err
		}
		if err := c.write(ctx, Released); err != nil {
			return err
		}
	}
	return c.tail(ctx)
}

// stays notes what is missing of a switch whose new primary is in use.
func (c *Conductor) stays(ctx context.Context, err error) error {
	c.record.Problem = err.Error()
	if noted := c.write(ctx, c.record.Step); noted != nil {
		err = errors.Join(err, noted)
	}
	return fmt.Errorf("%w: %s takes the writes, but: %w", ErrOpen, c.record.To, err)
}

// undo has everything be as before. To is made read-only first.
func (c *Conductor) undo(ctx context.Context, why error) error {
	r := &c.record
	r.Problem = why.Error()
	if err := c.write(ctx, Undoing); err != nil {
		return fmt.Errorf("%w, and others can take it up: %w; %w", ErrOpen, why, err)
	}
	if err := c.back(ctx); err != nil {
		r.Problem = errors.Join(why, err).Error()
		if noted := c.write(ctx, Undoing); noted != nil {
			err = errors.Join(err, noted)
		}
		return fmt.Errorf("%w: %w; undoing it: %w", ErrOpen, why, err)
	}
	return fmt.Errorf("%w: %w", ErrUndone, why)
}

func (c *Conductor) back(ctx context.Context) error {
	r := &c.record
	if err := c.tell("undo", "%s takes the writes as before", r.From); err != nil {
		return err
	}
	to := c.server(r.To)
	var open error // what is missing although writes go on
	if r.Reached.reached(Promoting) {
		if err := c.takeBack(ctx, to); err != nil {
			return err
		}
	}
	r.Free = true
	if err := c.write(ctx, Undoing); err != nil {
		return err
	}
	if r.Reached.reached(Fencing) {
		if err := c.server(r.From).open(ctx); err != nil {
			return err
		}
	}
	if r.Reached.reached(Promoting) {
		open = to.follow(ctx, r.From, r.TLS)
	}
	return errors.Join(open, c.chain(ctx, r.From, within))
}

// takeBack makes To read-only, and makes sure that nobody has written there. One that does not answer has had no writes from any
// instance: they were not told to use it.
func (c *Conductor) takeBack(ctx context.Context, to *server) error {
	l, err := to.look(ctx)
	if err != nil {
		return nil
	}
	if !l.readOnly {
		if err := to.close(ctx); err != nil {
			return err
		}
		if l, err = to.look(ctx); err != nil {
			return err
		}
	}
	want, err := gtid.Parse(c.record.Position)
	if err != nil {
		return err
	}
	if !want.Covers(l.written) {
		return fmt.Errorf("%s has been written to (%s, and %s had %s): it has to stay the primary", to.address, l.written, c.record.From, c.record.Position)
	}
	return nil
}

// sweep takes the record away, and what instances have said.
func (c *Conductor) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, _ = c.Store.Txn(ctx, []store.Cond{store.Unchanged(c.at), store.Unchanged(c.driver)}, []store.Op{
		store.Delete(c.at.Key), store.DeletePrefix(layout.HeldPrefix(c.record.DataSource, c.record.ID)),
	}) // else it stands, and who looks at it next finds that nothing is left to do
}
