package differential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Side is a server, plain or heddle, to which cases are put.
type Side struct {
	Addr  string // host:port
	Pool  *wire.Pool
	MySQL bool // the servers are
}

// Clients are the connections of one case, by name. They are opened when first used.
type Clients struct {
	side Side
	opts ConnOptions
	open map[string]*Conn
}

// Clients returns the connections of a case on this side.
func (s Side) Clients(opts ConnOptions) *Clients {
	return &Clients{side: s, opts: opts, open: map[string]*Conn{}}
}

func (c *Clients) conn(ctx context.Context, name string) (*Conn, error) {
	if conn := c.open[name]; conn != nil {
		return conn, nil
	}
	conn, err := Dial(ctx, c.side.Pool, c.side.Addr, c.opts)
	if err != nil {
		return nil, err
	}
	c.open[name] = conn
	return conn, nil
}

// Close closes all of them.
func (c *Clients) Close() {
	for _, conn := range c.open {
		_ = conn.Close() // nothing is read from it any more
	}
	c.open = map[string]*Conn{}
}

// unpreparable is the server's answer to a preparation of a statement that only the text protocol takes.
const unpreparable = 1295

// Play runs one step and returns an answer for each execution. A statement that cannot be prepared is then run as a
// query, for the sake of the steps that follow.
func (c *Clients) Play(ctx context.Context, step *Step, mode Mode) ([]*Answer, error) {
	conn, err := c.conn(ctx, step.On)
	if err != nil {
		return nil, err
	}
	if mode == Text && step.Runs == nil {
		a, err := conn.Query(step.SQL)
		return c.withWarnings(conn, step, []*Answer{a}, err)
	}
	runs := step.Runs
	if runs == nil {
		runs = []Execution{{}}
	}
	answers, err := conn.Execute(step.SQL, runs, c.side.MySQL)
	if err == nil && len(answers) == 1 && refusedPreparation(answers[0]) {
		var a *Answer
		a, err = conn.Query(step.SQL)
		answers = append(answers, a)
	}
	return c.withWarnings(conn, step, answers, err)
}

func refusedPreparation(a *Answer) bool {
	return a.Prepared != nil && a.Prepared.Err != nil && a.Prepared.Err.Code == unpreparable
}

// withWarnings asks for the warnings if the last answer counts any. A statement about the diagnostics themselves, or
// one that would see the question (ROW_COUNT, FOUND_ROWS, SHOW WARNINGS next), keeps its own: its case is written so.
func (c *Clients) withWarnings(conn *Conn, step *Step, answers []*Answer, err error) ([]*Answer, error) {
	if err != nil {
		return answers, err
	}
	last := answers[len(answers)-1]
	if step.Expect.NoWarnings || !last.warned() || last.Err() != nil {
		return answers, nil
	}
	if last.Warnings, err = conn.ReadWarnings(); err != nil {
		var refused *sqlerr.Error
		if !errors.As(err, &refused) {
			return answers, err
		}
		last.Warnings = []Warning{{"SHOW WARNINGS failed", fmt.Sprint(refused.Code), refused.Msg}}
		err = nil
	}
	return answers, err
}

// Fill runs the statements of a file's data in one transaction, which saves a sync for each.
func (s Side) Fill(ctx context.Context, statements []string) error {
	return s.Prime(ctx, slices.Concat([]string{"BEGIN"}, statements, []string{"COMMIT"}))
}

// Prime runs statements that are to succeed, on a connection of their own.
func (s Side) Prime(ctx context.Context, statements []string) error {
	clients := s.Clients(ConnOptions{Schema: Schema, Caps: wire.CapMultiStatements})
	defer clients.Close()
	return clients.prime(ctx, statements)
}

func (c *Clients) prime(ctx context.Context, statements []string) error {
	for _, sql := range statements {
		answers, err := c.Play(ctx, &Step{SQL: sql, On: "a"}, Text)
		if err != nil {
			return fmt.Errorf("%w: %s", err, firstLine(sql))
		}
		if e := answers[0].Err(); e != nil {
			return fmt.Errorf("%w: %s", e, firstLine(sql))
		}
	}
	return nil
}

func firstLine(sql string) string {
	line, _, more := strings.Cut(strings.TrimSpace(sql), "\n")
	if more {
		line += " …"
	}
	return line
}
