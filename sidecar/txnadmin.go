package sidecar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// txnAdmin asks the servers themselves of transactions over several data sources, with connections of its own, as the commands below
// `heddle txn` do: also where this process begins none. It implements session.TransactionAdmin.
type txnAdmin struct{ process *Process }

// resolveTime is how long the servers may take to finish a transaction.
const resolveTime = 30 * time.Second

// shards are the servers. end gives the connections to them back.
func (a txnAdmin) shards(ctx context.Context) (shards *txn.Shards, end func(), err error) {
	p := a.process
	list, err := sources(p.live.Load(), p.catalogs.Current().Layouts())
	if err != nil {
		return nil, nil, sqlerr.Internal(err.Error())
	}
	shards, controls := looked(ctx, list, p.replication.primary)
	return shards, func() {
		for _, c := range controls {
			c.close()
		}
	}, nil
}

var transactionColumns = []sqltypes.Column{
	sysview.Text("gtrid", 64), sysview.Text("state", 16), sysview.Text("home", 64), sysview.Number("decided_seconds_ago"), sysview.Number("prepared_seconds_ago"),
	sysview.Text("data_sources", 4096), sysview.Number("prepared"), sysview.Number("not_seen"), sysview.Text("branches", 4096),
}

// List implements session.TransactionAdmin.
func (a txnAdmin) List(ctx context.Context, warn func(error)) (*session.Listing, error) {
	shards, end, err := a.shards(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	listed, unasked := shards.List(ctx, clusterOf(a.process.config.Etcd.Prefix))
	tellUnasked(unasked, warn)
	out := &session.Listing{Columns: transactionColumns}
	for i := range listed {
		out.Rows = append(out.Rows, transactionRow(&listed[i]))
	}
	return out, nil
}

// tellUnasked names the data sources whose part is missing.
func tellUnasked(err error, warn func(error)) {
	if err != nil {
		warn(sqlerr.Internal("what these data sources have is missing: " + oneLine(err)))
	}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func transactionRow(l *txn.Listed) sqltypes.Row {
	var names, branches []string
	prepared := 0
	for i := range l.Branches {
		b := &l.Branches[i]
		if !slices.Contains(names, b.DataSource) {
			names = append(names, b.DataSource)
		}
		if b.Prepared {
			prepared++
		}
		branches = append(branches, b.DataSource+" "+b.State())
	}
	row := sysview.Cells(l.GTRID.String(), l.State(), l.Home, int64(l.Age.Seconds()), int64(l.Prepared.Seconds()), strings.Join(names, ", "), prepared, len(l.Branches)-prepared,
		strings.Join(branches, ", "))
	if l.Age == 0 {
		row[3] = nil
	}
	if l.Prepared == 0 {
		row[4] = nil
	}
	return row
}

// rows are those of the table heddle.transactions.
func (a txnAdmin) rows(ctx context.Context, warn func(error)) ([]sqltypes.Row, error) {
	l, err := a.List(ctx, warn)
	if err != nil {
		return nil, err
	}
	return l.Rows, nil
}

var branchColumns = []sqltypes.Column{
	sysview.Text("gtrid", 64), sysview.Text("state", 16), sysview.Text("home", 64), sysview.Number("decided_seconds_ago"), sysview.Number("prepared_seconds_ago"), sysview.Text("data_source", 64),
	sysview.Text("branch", 16), sysview.Number("connection"), sysview.Text("statements", 1<<16),
}

// Show implements session.TransactionAdmin.
func (a txnAdmin) Show(ctx context.Context, gtrid string, warn func(error)) (*session.Listing, error) {
	shards, end, err := a.shards(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	l, unasked := shards.Show(ctx, gtrid)
	if l.GTRID == (xa.GTRID{}) {
		return nil, sqlerr.TransactionNotResolved(oneLine(unasked))
	}
	tellUnasked(unasked, warn)
	head := transactionRow(&l)[:5]
	out := &session.Listing{Columns: branchColumns}
	for i := range l.Branches {
		b := &l.Branches[i]
		row := append(slices.Clone(head), sysview.Cells(b.DataSource, b.State(), b.Conn, did(b))...)
		if b.Conn == 0 {
			row[7] = nil
		}
		out.Rows = append(out.Rows, row)
	}
	if len(out.Rows) == 0 { // it has ended everywhere
		out.Rows = append(out.Rows, append(head, nil, nil, nil, nil))
	}
	return out, nil
}

// did are the statements of a branch that is not seen, where they are kept, one a line.
func did(b *txn.ListedBranch) string {
	var lines []string
	for _, s := range b.Statements {
		switch {
		case s.Text == "":
			lines = append(lines, fmt.Sprintf("and %d statements more, which were too much to keep", s.Rows))
		case s.Unsafe != "":
			lines = append(lines, fmt.Sprintf("%s (it cannot be run again: %s)", s.Text, s.Unsafe))
		case s.Rows < 0:
			lines = append(lines, s.Text+" (it failed, or what it changed is not known)")
		default:
			lines = append(lines, fmt.Sprintf("%s (%d rows changed)", s.Text, s.Rows))
		}
	}
	return strings.Join(lines, "\n")
}

var resolvedColumns = []sqltypes.Column{sysview.Text("data_source", 64), sysview.Text("branch_is", 1024)}

// Resolve implements session.TransactionAdmin. What cannot be written into the audit log is not done.
func (a txnAdmin) Resolve(ctx context.Context, by, gtrid string, o txn.Order) (*session.Listing, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	shards, end, err := a.shards(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	l, err := shards.Show(ctx, gtrid)
	state := l.State()
	if l.GTRID == (xa.GTRID{}) {
		state = "unknown"
	}
	log := auditLog{a.process.log, []zap.Field{
		zap.String("gtrid", gtrid), zap.String("state", state), zap.String("verb", o.Verb()), zap.Bool("force", o.Force), zap.Bool("mended", o.Mended),
		zap.Bool("redo", o.Redo),
		zap.String("by", by), zap.String("instance", a.process.config.Instance.Name),
	}}
	if err := log.write("an operator resolves a transaction"); err != nil {
		return nil, sqlerr.TransactionNotResolved("the audit log cannot be written: " + err.Error())
	}
	var done []txn.Resolved
	if l.GTRID != (xa.GTRID{}) {
		done, err = shards.Carry(ctx, gtrid, o)
	}
	out := &session.Listing{Columns: resolvedColumns}
	var became []string
	for _, d := range done {
		dataSource, state := shards.Became(d)
		out.Rows = append(out.Rows, sysview.Cells(dataSource, state))
		became = append(became, dataSource+" "+state)
	}
	outcome := "done"
	switch {
	case errors.Is(err, txn.ErrUnfinished):
		outcome = "unfinished"
	case err != nil:
		outcome = "refused"
	}
	log.tell("an operator has resolved a transaction", zap.String("outcome", outcome), zap.Strings("branches", became), zap.Error(err))
	if err != nil {
		return nil, sqlerr.TransactionNotResolved(strings.Join(append([]string{oneLine(err)}, became...), "; "))
	}
	return out, nil
}

// auditLog is for those who ask later who has done what: its lines are in the log whatever log.level is.
type auditLog struct {
	log    *zap.Logger
	fields []zap.Field
}

func (l auditLog) write(what string, more ...zap.Field) error {
	e := zapcore.Entry{Level: zapcore.InfoLevel, Time: time.Now(), LoggerName: "audit", Message: what}
	return l.log.Core().Write(e, slices.Concat(l.fields, more))
}

// tell writes what is done already. Should that fail, there is still the log of errors.
func (l auditLog) tell(what string, more ...zap.Field) {
	if err := l.write(what, more...); err != nil {
		l.log.Error("the audit log cannot be written", zap.Error(err))
	}
}
