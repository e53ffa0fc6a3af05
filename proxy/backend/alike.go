package backend

import (
	"context"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Refusal is a setting of the Base that a data source does not take.
type Refusal struct {
	Setting string // the variable; for sql_mode with the mode behind it, as in "sql_mode ANSI_QUOTES"
	Want    string // SQL text
	Err     error  // what the server says
}

// agreed is what connections of one data source can be given of a Base; it is found out once and used for all.
type agreed struct {
	base    *Base
	alone   bool
	version string // of the server: after a change of it everything is tried again
	vars    map[string]string
	set     string // the assignments, for one SET
}

// SetBase has every connection that is lent from now on have started with b. Those that exist are not lent again; who has one, as recovery
// may, keeps it.
func (p *Pools) SetBase(b *Base) {
	p.dialer.base.Store(b)
	for _, src := range *p.current.Load() {
		src.mu.Lock()
		for _, c := range src.idle.all() {
			if c.base != b {
				src.evict(c)
			}
		}
		src.dispatch()
		src.unlock()
	}
}

// alike brings a new connection to what all sessions start with.
func (p *pool) alike(ctx context.Context, c *Conn) error {
	base, alone := p.dialer.base.Load(), p.dialer.sources.Load() <= 1
	c.base = base
	vars := p.own(base.needed(alone), c.info.Flavour)
	if !alone && c.info.Flavour.detaches() {
		vars = append(slices.Clone(vars), baseVar{name: detachVar, literal: "'ON'"})
	}
	if len(vars) == 0 {
		return nil
	}
	c.applying = true // what the server tells of it is no news
	defer func() { c.applying = false }()
	a := p.agreed.Load()
	if a == nil || a.base != base || a.alone != alone || a.version != c.info.ServerVersion {
		next, refused, err := c.agree(ctx, vars)
		if err != nil {
			return err
		}
		next.base, next.alone = base, alone
		p.agreed.Store(next)
		if met := p.dialer.met; met != nil && !alone {
			met(p.ds.Name, refused)
		}
		a = next
	}
	if err := c.exec(ctx, "SET ", c.applied.mode(a)); err != nil {
		p.agreed.Store(nil) // the server has changed its mind
		return err
	}
	c.applied.base = a.vars
	return nil
}

// mode is the SET of a, with what the login adds to the server's sql_mode.
func (a *applied) mode(g *agreed) string {
	mode, ok := g.vars["sql_mode"]
	if a.flags&FlagIgnoreSpace == 0 || !ok {
		return g.set
	}
	return strings.Replace(g.set, "sql_mode="+mode, "sql_mode="+withIgnoreSpace(mode), 1)
}

// withIgnoreSpace adds the mode to a literal of sql_mode. Source: CLIENT_IGNORE_SPACE does so at the login.
func withIgnoreSpace(mode string) string {
	if mode == "''" {
		return "'IGNORE_SPACE'"
	}
	return strings.TrimSuffix(mode, "'") + ",IGNORE_SPACE'"
}

// agree tries all of vars at once and, where the server refuses something, each for itself.
func (c *Conn) agree(ctx context.Context, vars []baseVar) (a *agreed, refused []Refusal, err error) {
	a = &agreed{version: c.info.ServerVersion, vars: map[string]string{}}
	a.set = a.assignments(vars, c.info.Flavour)
	if err := c.exec(ctx, "SET ", a.set); sqlerr.As(err) == nil {
		return a, nil, err
	}
	clear(a.vars)
	var taken []baseVar
	for _, v := range vars {
		ok, no, err := c.try(ctx, v)
		if err != nil {
			return nil, nil, err
		}
		refused = append(refused, no...)
		if ok != nil {
			taken = append(taken, *ok)
		}
	}
	a.set = a.assignments(taken, c.info.Flavour)
	return a, refused, nil
}

// assignments writes vars for one SET and remembers them.
func (a *agreed) assignments(vars []baseVar, f Flavour) string {
	var b []byte
	for _, v := range vars {
		a.vars[v.name] = v.literal
		b = assign(b, f.nameFor(v.name), v.literal)
	}
	return string(b)
}

// try sets one variable: what of it the server takes, and what it refuses.
func (c *Conn) try(ctx context.Context, v baseVar) (ok *baseVar, no []Refusal, err error) {
	name := c.info.Flavour.nameFor(v.name)
	err = c.exec(ctx, "SET ", name+"="+v.literal)
	refusal := sqlerr.As(err)
	switch {
	case err == nil:
		return &v, nil, nil
	case refusal == nil:
		return nil, nil, err
	case refusal.Code == sqlerr.CodeUnknownSystemVar && v.optional, v.name == detachVar:
		return nil, nil, nil
	case refusal.Code != sqlerr.CodeUnknownSystemVar && v.name == "sql_mode":
		return c.tryModes(ctx, v)
	case refusal.Code != sqlerr.CodeUnknownSystemVar:
		_, rows, err := c.QueryRows(ctx, "SHOW SESSION VARIABLES LIKE '"+name+"'")
		if err != nil {
			return nil, nil, err
		}
		if len(rows) == 1 && settingLiteral(string(rows[0][1])) == v.literal {
			return nil, nil, nil // it may not be set here, and need not
		}
	}
	return nil, []Refusal{{Setting: v.name, Want: v.literal, Err: refusal}}, nil
}

// tryModes sets the modes that the server knows: flavours and versions have some of their own.
func (c *Conn) tryModes(ctx context.Context, v baseVar) (*baseVar, []Refusal, error) {
	var known []string
	var no []Refusal
	for mode := range strings.SplitSeq(strings.Trim(v.literal, "'"), ",") {
		err := c.exec(ctx, "SET ", "sql_mode='"+mode+"'")
		switch refusal := sqlerr.As(err); {
		case err == nil:
			known = append(known, mode)
		case refusal == nil:
			return nil, nil, err
		default:
			no = append(no, Refusal{Setting: "sql_mode " + mode, Want: v.literal, Err: refusal})
		}
	}
	v.literal = "'" + strings.Join(known, ",") + "'"
	return &v, no, nil
}

// exec runs a statement that has no rows.
func (c *Conn) exec(ctx context.Context, verb, rest string) error {
	if err := c.Send(ctx, wire.ComQuery, []byte(verb), []byte(rest)); err != nil {
		return err
	}
	_, err := c.drain(nil)
	return err
}

// Default gives a session variable the value that it had when the session began, after a SET name = DEFAULT, which gives
// it that of the server.
func (l *Lease) Default(ctx context.Context, name string) error {
	c := l.conn
	name = newName(lower(name))
	if _, ok := c.applied.base[name]; !ok {
		return nil
	}
	c.applying = true
	defer func() { c.applying = false }()
	return c.exec(ctx, "SET ", c.info.Flavour.nameFor(name)+"="+c.applied.initial(name))
}

// KeepTracking undoes what a SET of the client's has set of the connection's own: see Tracks.
func (l *Lease) KeepTracking(ctx context.Context, name string) error {
	return l.conn.exec(ctx, "SET ", name+"="+l.conn.applied.initial(name))
}
