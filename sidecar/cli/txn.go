package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/sidecar"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// txnRun is what the commands below `heddle txn` share.
type txnRun struct{ ddlRun }

func txnCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "txn",
		Short: "Look at and finish transactions over several data sources",
		Long: "Look at and finish transactions over several data sources. The servers are asked themselves, as recovery asks them; no instance\n" +
			"has to be alive. Looking changes nothing on a server.\n" +
			"Exit codes: 0 done, 1 error, or a data source could not be asked; 2 it is decided otherwise, or not decided, or a branch that was\n" +
			"prepared is lost, and --force is missing, or\n" +
			"with --mended or --redo no branch is lost, or with --redo one cannot be run again;\n" +
			"4 it is decided, and not finished on every data source.",
	}
	r := &txnRun{ddlRun{load: meshFlags(cmd), out: outputFlag(cmd)}}
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return r.out.check() }
	cmd.AddCommand(r.list(), r.show(), r.resolve())
	return cmd
}

// txnEntry is a transaction as programs read it.
type txnEntry struct {
	GTRID    string      `json:"gtrid"`
	State    string      `json:"state"`
	Home     string      `json:"home,omitempty"`
	Age      float64     `json:"decided_seconds_ago,omitempty"`
	Prepared float64     `json:"prepared_seconds_ago,omitempty"` // where nothing is decided
	Branches []txnBranch `json:"branches"`
}

type txnBranch struct {
	DataSource string `json:"data_source"`
	State      string `json:"state"`
	Connection uint32 `json:"connection,omitempty"`
	// Statements are what a branch that is not seen did, by show, where that is kept.
	Statements []txnStatement `json:"statements,omitempty"`
}

type txnStatement struct {
	Text    string `json:"text,omitempty"`
	Changed *int64 `json:"changed,omitempty"` // rows; none: it failed, or that is not known
	Unsafe  string `json:"unsafe,omitempty"`  // why it cannot be run again
	More    int64  `json:"more,omitempty"`    // how many more there were, which were too much to keep
}

func statementsOf(b *txn.ListedBranch) (out []txnStatement) {
	for _, s := range b.Statements {
		e := txnStatement{Text: s.Text, Unsafe: s.Unsafe}
		switch {
		case s.Text == "":
			e.More = s.Rows
		case s.Rows >= 0:
			e.Changed = &s.Rows
		}
		out = append(out, e)
	}
	return out
}

func txnEntryOf(l *txn.Listed) txnEntry {
	e := txnEntry{GTRID: l.GTRID.String(), State: l.State(), Home: l.Home, Age: l.Age.Seconds(), Prepared: l.Prepared.Seconds(), Branches: []txnBranch{}}
	for i := range l.Branches {
		b := &l.Branches[i]
		e.Branches = append(e.Branches, txnBranch{b.DataSource, b.State(), b.Conn, statementsOf(b)})
	}
	return e
}

// since is when it was decided, or prepared where nothing is decided; "" where that is not known.
func (e *txnEntry) since() string {
	switch {
	case e.Age > 0:
		return "decided " + secondsAgo(e.Age)
	case e.Prepared > 0 && e.State == txn.UndecidedState:
		return "prepared " + secondsAgo(e.Prepared)
	case e.Prepared > 0:
		return "prepared by its client " + secondsAgo(e.Prepared)
	}
	return ""
}

func secondsAgo(seconds float64) string {
	return fmt.Sprintf("%s ago", time.Duration(seconds)*time.Second)
}

func (r *txnRun) list() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List transactions that have ended on some data sources only",
		Long: "List transactions that have ended on some data sources only: those that dead processes have left, and, for an instant, those that\n" +
			"are being committed.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
				shards, cluster, err := fleet.Transactions(ctx)
				if err != nil {
					return err
				}
				listed, unasked := shards.List(ctx, cluster)
				entries := []txnEntry{}
				for i := range listed {
					entries = append(entries, txnEntryOf(&listed[i]))
				}
				err = r.out.print(cmd.OutOrStdout(), entries, func(w io.Writer) error { return listTxn(w, entries, unasked == nil) })
				if unfit, ok := errors.AsType[*txn.UnfitError](shards.Unfit()); ok {
					fmt.Fprintln(cmd.ErrOrStderr(), unfit)
				}
				return errors.Join(err, unasked)
			})
		},
	}
}

func listTxn(w io.Writer, entries []txnEntry, all bool) error {
	if len(entries) == 0 {
		if all {
			_, err := fmt.Fprintln(w, "nothing is unfinished")
			return err
		}
		return nil
	}
	t := newTable("transaction", "state", "since", "home", "branches")
	for i := range entries {
		e := &entries[i]
		var branches []string
		for _, b := range e.Branches {
			branches = append(branches, b.DataSource+" "+b.State)
		}
		t.AppendRow([]any{e.GTRID, e.State, e.since(), e.Home, strings.Join(branches, ", ")})
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

func (r *txnRun) show() *cobra.Command {
	return &cobra.Command{
		Use:   "show GTRID",
		Short: "Show what is decided of one transaction, and where it has yet to end",
		Long: "Show what is decided of one transaction, and where it has yet to end. GTRID is what error 1180 names. Of one that has ended\n" +
			"everywhere the decision is known for a minute or more.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
				shards, _, err := fleet.Transactions(ctx)
				if err != nil {
					return err
				}
				l, unasked := shards.Show(ctx, args[0])
				if l.GTRID == (xa.GTRID{}) {
					return unasked
				}
				e := txnEntryOf(&l)
				err = r.out.print(cmd.OutOrStdout(), e, func(w io.Writer) error { return showTxn(w, &e) })
				return errors.Join(err, unasked)
			})
		},
	}
}

func showTxn(w io.Writer, e *txnEntry) error {
	home := e.Home
	if home == "" {
		home = "a data source that this mesh does not have"
	}
	fmt.Fprintf(w, "%s: %s\n", e.GTRID, e.State)
	switch {
	case e.Age > 0:
		fmt.Fprintf(w, "decided on %s, %s\n", home, secondsAgo(e.Age))
	case e.State == txn.UndecidedState || e.State == txn.PreparedState:
		fmt.Fprintf(w, "the data source that decides it is %s\n", home)
		if since := e.since(); since != "" {
			fmt.Fprintln(w, since)
		}
	default:
		fmt.Fprintf(w, "decided on %s\n", home)
	}
	if len(e.Branches) == 0 {
		_, err := fmt.Fprintln(w, "it has ended everywhere")
		return err
	}
	t := newTable("data source", "branch", "connection")
	for _, b := range e.Branches {
		connection := ""
		if b.Connection != 0 {
			connection = fmt.Sprint(b.Connection)
		}
		t.AppendRow([]any{b.DataSource, b.State, connection})
	}
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return err
	}
	for i := range e.Branches {
		if err := e.Branches[i].did(w, e.State); err != nil {
			return err
		}
	}
	return nil
}

// did says what a branch did that is not seen: what is missing there, should it not come back.
func (b *txnBranch) did(w io.Writer, state string) error {
	if b.State != txn.NotSeen || state != "committed" {
		return nil
	}
	if len(b.Statements) == 0 {
		_, err := fmt.Fprintf(w, "what it did on %s is not kept (transactions.keep_statements)\n", b.DataSource)
		return err
	}
	fmt.Fprintf(w, "what it did on %s:\n", b.DataSource)
	for _, s := range b.Statements {
		rows := "it failed, or what it changed is not known"
		if s.Changed != nil {
			rows = fmt.Sprintf("%d rows changed", *s.Changed)
		}
		if s.Unsafe != "" {
			rows += "; it cannot be run again: " + s.Unsafe
		}
		line := fmt.Sprintf("  %s\n    (%s)", s.Text, rows)
		if s.Text == "" {
			line = fmt.Sprintf("  and %d statements more, which were too much to keep", s.More)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// resolution is how an operator wants a transaction to end.
type resolution struct {
	commit, rollback, force, mended, redo, yes bool
	author, comment                            string
	wait                                       time.Duration
}

func (o *resolution) verb() string {
	if o.commit {
		return "commit"
	}
	return "rollback"
}

func (r *txnRun) resolve() *cobra.Command {
	o := &resolution{}
	cmd := &cobra.Command{
		Use:   "resolve GTRID (--commit | --rollback)",
		Short: "Finish a transaction without waiting for its process, or for recovery",
		Long: "Finish a transaction without waiting for its process, or for recovery. Nothing is done against a decision. One that is not decided\n" +
			"can be rolled back, as recovery does it; it is committed by --force only, and then without what its first branch did, for that is\n" +
			"not prepared. So it is with one that its client has prepared, if a branch of it is lost. A branch that a failover has lost is decided and cannot be committed: show says what it did, where that is kept; when it is put\n" +
			"right by hand, --commit --mended says so. --commit --redo runs it again there, in one transaction with the mark by which it is seen done: if each\n" +
			"statement changes as many rows as it did, and nothing speaks against it that is known. Others may have changed those rows since, and that\n" +
			"it cannot see. Who did what is logged on standard error.",
		Args: cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.commit, "commit", false, "commit it where it is prepared")
	flags.BoolVar(&o.rollback, "rollback", false, "roll it back")
	flags.BoolVar(&o.force, "force", false, "commit it although it is not decided, or a branch that its client has prepared is lost: what that or its first branch did is not among it")
	flags.BoolVar(&o.mended, "mended", false, "with --commit: what its lost branches did has been put right by hand; they count as committed from now on")
	flags.BoolVar(&o.redo, "redo", false, "with --commit: run again what its lost branches did, as it is kept: nobody has changed since what they read and wrote")
	flags.StringVar(&o.author, "author", "", "who says so (default: the user)")
	flags.StringVar(&o.comment, "comment", "", "why")
	flags.DurationVar(&o.wait, "wait", 30*time.Second, "how long the servers may take")
	cmd.MarkFlagsOneRequired("commit", "rollback")
	cmd.MarkFlagsMutuallyExclusive("commit", "rollback")
	cmd.MarkFlagsMutuallyExclusive("mended", "rollback")
	cmd.MarkFlagsMutuallyExclusive("mended", "force")
	for _, other := range []string{"rollback", "force", "mended"} {
		cmd.MarkFlagsMutuallyExclusive("redo", other)
	}
	yesFlag(cmd, &o.yes)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
			shards, _, err := fleet.Transactions(ctx)
			if err != nil {
				return err
			}
			return r.resolveIn(ctx, cmd, shards, args[0], o)
		})
	}
	return cmd
}

// resolveIn asks before it begins, and logs what it does and what has come of it.
func (r *txnRun) resolveIn(ctx context.Context, cmd *cobra.Command, shards *txn.Shards, gtrid string, o *resolution) error {
	l, err := shards.Show(ctx, gtrid)
	if l.GTRID == (xa.GTRID{}) {
		return err
	}
	e := txnEntryOf(&l)
	if err := l.Against(o.commit, o.force); err != nil {
		return fmt.Errorf("resolve %s, which is %s: %w", e.GTRID, e.State, err)
	}
	if err := r.confirm(cmd, &e, o); err != nil {
		return err
	}
	log, err := r.audit(&e, o)
	if err != nil {
		return err
	}
	log.Info("an operator resolves a transaction")
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	done, err := shards.Carry(ctx, gtrid, txn.Order{Commit: o.commit, Force: o.force, Mended: o.mended, Redo: o.redo})
	ended := resolvedOf(shards, done)
	log.Info("an operator has resolved a transaction", zap.Any("branches", ended.Branches), zap.Error(err))
	if err != nil && len(done) == 0 {
		return err
	}
	ended.GTRID = e.GTRID
	return errors.Join(r.out.print(cmd.OutOrStdout(), ended, ended.show), err)
}

// confirm tells what is about to be done, and asks.
func (r *txnRun) confirm(cmd *cobra.Command, e *txnEntry, o *resolution) error {
	var at []string
	for _, b := range e.Branches {
		at = append(at, b.DataSource)
	}
	what := fmt.Sprintf("%s, %s, is finished by %s on %s", e.GTRID, e.State, strings.ToUpper(o.verb()), strings.Join(at, ", "))
	if e.State == txn.UndecidedState && o.commit {
		what += "; what it did on " + e.Home + " is lost, and half of the transaction is there for ever"
	} else if e.State == txn.UndecidedState {
		what += "; if its process lives, its client is told that it is rolled back"
	} else if o.redo {
		what += "; what is lost of it is run again, whatever others have done with its rows since"
	}
	return confirm(cmd, o.yes, what)
}

// audit is the log with who wants what.
func (r *txnRun) audit(e *txnEntry, o *resolution) (*zap.Logger, error) {
	c, err := r.load()
	if err != nil {
		return nil, err
	}
	c.Log.Level = "info" // it is for those who ask later, whatever else is not worth a line
	log, _, err := newLog(c)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return log.With(zap.String("gtrid", e.GTRID), zap.String("state", e.State), zap.String("verb", o.verb()), zap.Bool("force", o.force), zap.Bool("mended", o.mended),
		zap.Bool("redo", o.redo),
		zap.String("by", authorOr(o.author)), zap.String("host", host), zap.String("comment", o.comment)), nil
}

// resolved is what came of a transaction, as programs read it.
type resolved struct {
	GTRID    string      `json:"gtrid"`
	Branches []txnBranch `json:"branches"`
}

func resolvedOf(shards *txn.Shards, done []txn.Resolved) *resolved {
	out := &resolved{Branches: []txnBranch{}}
	for _, d := range done {
		dataSource, state := shards.Became(d)
		out.Branches = append(out.Branches, txnBranch{DataSource: dataSource, State: state, Connection: d.XID.Branch.Conn})
	}
	return out
}

func (d *resolved) show(w io.Writer) error {
	if len(d.Branches) == 0 {
		_, err := fmt.Fprintf(w, "%s has ended everywhere; nothing is left to do\n", d.GTRID)
		return err
	}
	t := newTable("data source", "branch is")
	for _, b := range d.Branches {
		t.AppendRow([]any{b.DataSource, b.State})
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", d.GTRID, t.Render())
	return err
}
