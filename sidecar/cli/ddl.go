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

	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/sidecar"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/ops"
)

// errUnfinished is DDL that is not done everywhere after it was resumed.
var errUnfinished = errors.New("not done on every shard")

// ddlRun is what the commands below `heddle ddl` share.
type ddlRun struct {
	load func() (*config.Config, error)
	out  *output
}

func ddlCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ddl",
		Short: "Look at and finish DDL that was not done on every shard",
		Long: "Look at and finish DDL that was not done on every shard. Each DDL over several shards stands in a journal, in etcd or\n" +
			"in the state directory of an instance without one, before it is sent anywhere.\n" +
			"Exit codes: 0 done, 1 error, 2 somebody else is at work on the entry, 4 not done on every shard.",
	}
	r := &ddlRun{load: meshFlags(cmd), out: outputFlag(cmd)}
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return r.out.check() }
	cmd.AddCommand(r.list(), r.show(), r.resume(), r.forget())
	return cmd
}

// run runs f with the journal and the servers of the configured mesh, or instance.
func (r *ddlRun) run(cmd *cobra.Command, f func(ctx context.Context, fleet *sidecar.Fleet) error) error {
	c, err := r.load()
	if err == nil && !c.UsesEtcd() && len(c.Rules.File) == 0 {
		err = errors.New("nothing says which mesh or instance is meant: give --config, --etcd-endpoints, or HEDDLE_ETCD_ENDPOINTS")
	}
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	fleet, err := sidecar.OpenFleet(c, "heddle ddl on "+host)
	if err != nil {
		return err
	}
	err = f(cmd.Context(), fleet)
	end, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 5*time.Second)
	defer cancel()
	return errors.Join(err, fleet.Close(end))
}

// ddlEntry is an entry as programs read it.
type ddlEntry struct {
	journal.Entry
	State string `json:"state"`
}

func (r *ddlRun) list() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List DDL that is not done on every shard, or may not be",
		Args:  cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&all, "all", false, "finished ones too, as far as they are kept")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
			entries, err := fleet.Journal.List(ctx)
			if err != nil {
				return err
			}
			shown := []ddlEntry{}
			for _, e := range entries {
				if all || !e.Finished() {
					shown = append(shown, ddlEntry{e, e.State()})
				}
			}
			return r.out.print(cmd.OutOrStdout(), shown, func(w io.Writer) error { return listDDL(w, shown) })
		})
	}
	return cmd
}

// maxListed is how much of a statement a list shows, in characters.
const maxListed = 60

func listDDL(w io.Writer, entries []ddlEntry) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintln(w, "nothing is unfinished")
		return err
	}
	t := newTable("id", "state", "done", "database", "by", "statement")
	for _, e := range entries {
		if e.Damaged != "" {
			t.AppendRow([]any{e.ID, e.State, "", "", "", e.Damaged})
			continue
		}
		text := []rune(strings.Join(strings.Fields(string(e.Statement)), " "))
		if len(text) > maxListed {
			text = append(text[:maxListed-1], '…')
		}
		t.AppendRow([]any{e.ID, e.State, fmt.Sprintf("%d of %d", e.Count(journal.Done), len(e.Targets)), e.Database, e.Account, string(text)})
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

func (r *ddlRun) show() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one entry with the outcome on each shard; a part of the id will do",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
				e, err := fleet.Journal.Get(ctx, args[0])
				if err != nil {
					return err
				}
				return r.out.print(cmd.OutOrStdout(), ddlEntry{e, e.State()}, func(w io.Writer) error { return showDDL(w, &e) })
			})
		},
	}
}

func showDDL(w io.Writer, e *journal.Entry) error {
	fmt.Fprintf(w, "%s: %s\n%s\nin %s, by %s on %s, begun %s\n", e.ID, e.State(), e.Statement, e.Database, e.Account, e.Instance, when(e.Started))
	if e.Settled != nil {
		fmt.Fprintf(w, "settled by %s at %s %s\n", e.Settled.By, when(e.Settled.Time), e.Settled.Why)
	}
	t := newTable("shard", "data source", "tables", "outcome", "at", "")
	for i := range e.Targets {
		target := &e.Targets[i]
		var tables []string
		for _, n := range target.Tables {
			tables = append(tables, n.Database+"."+n.Table)
		}
		said := target.Message
		if target.Code != 0 {
			said = fmt.Sprintf("%d (%s): %s", target.Code, target.State, said)
		}
		t.AppendRow([]any{target.Where(), target.DataSource, strings.Join(tables, ", "), string(target.Status), when(target.Time), said})
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

func (r *ddlRun) resume() *cobra.Command {
	job := ops.Resume{}
	cmd := &cobra.Command{
		Use:   "resume ID",
		Short: "Run a statement where it is not done yet",
		Long: "Run a statement where it is not done yet. Each shard is looked at first: what has the change already, is noted as done;\n" +
			"what is as before, gets it; what is neither, or cannot be told, is left alone and named.",
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVar(&job.DryRun, "dry-run", false, "only look, and say what would be done")
	cmd.Flags().BoolVar(&job.Force, "force", false, "run it also where it cannot be told whether it was done")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
			var err error
			job.Journal = fleet.Journal
			if job.Layouts, job.Pools, err = fleet.Servers(ctx); err != nil {
				return err
			}
			report, err := job.Run(ctx, args[0])
			if err != nil {
				return err
			}
			err = r.out.print(cmd.OutOrStdout(), report, func(w io.Writer) error { return showReport(w, report, job.DryRun) })
			if err == nil && !job.DryRun && !report.Entry.Finished() {
				err = fmt.Errorf("%s: %w: %s", report.ID, errUnfinished, report.Unfinished())
			}
			return err
		})
	}
	return cmd
}

func showReport(w io.Writer, report *ops.Report, dry bool) error {
	if len(report.Steps) == 0 {
		_, err := fmt.Fprintf(w, "%s is %s; nothing is left to do\n", report.ID, report.State)
		return err
	}
	words := map[string]string{"keep": "", "note": "noted as done", "run": "run", "none": "nothing"}
	if dry {
		words = map[string]string{"keep": "", "note": "would be noted as done", "run": "would be run", "none": "nothing would be done"}
	}
	t := newTable("shard", "was", "found", "action", "is", "")
	for _, s := range report.Steps {
		t.AppendRow([]any{s.Shard, string(s.Was), s.Found, words[s.Action], string(s.Now), s.Error})
	}
	_, err := fmt.Fprintf(w, "%s\n%s is %s\n", t.Render(), report.ID, report.State)
	return err
}

func (r *ddlRun) forget() *cobra.Command {
	var author, comment string
	cmd := &cobra.Command{
		Use:     "forget ID",
		Aliases: []string{"resolve"},
		Short:   "Take an entry off the list: somebody has settled it by hand",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&author, "author", "", "who says so (default: the user)")
	cmd.Flags().StringVar(&comment, "comment", "", "what was done")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
			id, err := fleet.Journal.Settle(ctx, args[0], authorOr(author), comment)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is settled\n", id)
			return err
		})
	}
	return cmd
}
