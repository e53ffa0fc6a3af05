package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/switchover"
	"github.com/heddle-mesh/heddle/sidecar"
)

// promotion are the flags of heddle rw promote.
type promotion struct {
	ordering
	to                   string
	dry, finish, undo    bool
	grace, hold, catchUp time.Duration
}

func (r *rwRun) promote() *cobra.Command {
	o := &promotion{}
	cmd := &cobra.Command{
		Use:   "promote DATA_SOURCE (--to SERVER | --finish | --undo)",
		Short: "Move a data source's writes to another of its servers, in an orderly way",
		Long: "Move a data source's writes to another of its servers, in an orderly way: the other replicas follow it, all instances hold writes for\n" +
			"less than a second, the old primary becomes read-only, the new one gets all it has and takes writes, the old one follows it. What\n" +
			"fails before the new one takes writes is undone. Where the command has been killed, an instance whose heddle.yaml has\n" +
			"switchover.user finishes or undoes it some seconds later, or --finish (which undoes what cannot be finished) or --undo does.\n" +
			"Exit codes: 0 done (with --undo: undone), 1 error, or not possible, 2 another is at work on one, 4 neither finished nor undone,\n" +
			"8 undone.",
		Args: cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.to, "to", "", "the server: its address, declared, or replica1, replica2, …")
	flags.BoolVar(&o.dry, "dry-run", false, "say what would be done, and change nothing")
	flags.BoolVar(&o.finish, "finish", false, "finish one that has been left, or undo it if it cannot be")
	flags.BoolVar(&o.undo, "undo", false, "undo one that has been left")
	flags.DurationVar(&o.grace, "grace", switchover.DefaultGrace, "how long transactions have to end before they are broken off")
	flags.DurationVar(&o.hold, "hold", switchover.DefaultHold, "how long writes are held at the most; what takes longer is undone")
	flags.DurationVar(&o.catchUp, "catch-up", switchover.DefaultCatchUp, "how long the server has, beforehand, to come to have what the primary has")
	flags.StringVar(&o.author, "author", "", "who says so (default: the user)")
	yesFlag(cmd, &o.yes)
	cmd.MarkFlagsOneRequired("to", "finish", "undo")
	cmd.MarkFlagsMutuallyExclusive("to", "finish", "undo")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
			if o.to == "" {
				return r.resume(ctx, cmd, fleet, args[0], o)
			}
			return r.switchTo(ctx, cmd, fleet, args[0], o)
		})
	}
	return cmd
}

// switched is what came of a switch, as programs read it.
type switched struct {
	DataSource string            `json:"data_source"`
	From       string            `json:"from"`
	To         string            `json:"to"`
	Outcome    string            `json:"outcome"` // would be, done, undone, open
	Steps      []string          `json:"steps,omitempty"`
	Problem    string            `json:"problem,omitempty"`
	Longest    float64           `json:"longest_hold_seconds,omitempty"`
	Instances  []switchover.Held `json:"instances,omitempty"`
}

func (r *rwRun) switchTo(ctx context.Context, cmd *cobra.Command, fleet *sidecar.Fleet, dataSource string, o *promotion) error {
	c, plan, err := fleet.Switch(ctx, dataSource, o.to)
	if err != nil {
		return err
	}
	plan.Grace, plan.Hold, plan.CatchUp = o.grace, o.hold, o.catchUp
	if plan.Grace+100*time.Millisecond > plan.Hold {
		return fmt.Errorf("--grace %v leaves nothing of --hold %v for the switch itself", plan.Grace, plan.Hold)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	plan.By = authorOr(o.author) + " on " + host
	steps, err := c.Check(ctx, plan)
	if err != nil {
		return err
	}
	out := &switched{DataSource: dataSource, From: plan.From, To: plan.To, Outcome: "would be", Steps: steps}
	if o.dry {
		return r.out.print(cmd.OutOrStdout(), out, out.show)
	}
	if err := confirmOrYes(cmd, o.yes, fmt.Sprintf("The writes of %s move from %s to %s", dataSource, plan.From, plan.To)); err != nil {
		return err
	}
	c.Told = r.progress(cmd)
	outcome, err := c.Switch(ctx, plan)
	return r.switchedBy(cmd, &outcome, err)
}

// progress writes each step as it begins.
func (r *rwRun) progress(cmd *cobra.Command) func(step, what string) error {
	began := time.Now()
	return func(step, what string) error {
		_, err := fmt.Fprintf(cmd.ErrOrStderr(), "%6.3fs  %-8s  %s\n", time.Since(began).Seconds(), step, what)
		return err
	}
}

func (r *rwRun) resume(ctx context.Context, cmd *cobra.Command, fleet *sidecar.Fleet, dataSource string, o *promotion) error {
	c, err := fleet.Conductor(ctx, dataSource)
	if err != nil {
		return err
	}
	c.Told = r.progress(cmd)
	wanted := switchover.Released
	if o.undo {
		wanted = switchover.Undoing
	}
	outcome, err := c.Resume(ctx, dataSource, wanted)
	if o.undo && errors.Is(err, switchover.ErrUndone) {
		err = nil
		outcome.Record.Step = switchover.Undoing
	}
	return r.switchedBy(cmd, &outcome, err)
}

// switchedBy tells what has come of a switch.
func (r *rwRun) switchedBy(cmd *cobra.Command, o *switchover.Outcome, err error) error {
	if o.Record.ID == "" {
		return err
	}
	out := &switched{DataSource: o.Record.DataSource, From: o.Record.From, To: o.Record.To, Outcome: "done", Problem: o.Record.Problem, Instances: o.Held}
	switch {
	case errors.Is(err, switchover.ErrUndone), err == nil && o.Record.Step == switchover.Undoing:
		out.Outcome = "undone"
	case err != nil:
		out.Outcome = "open"
	}
	for _, h := range o.Held {
		out.Longest = max(out.Longest, h.Used.Seconds())
	}
	return errors.Join(r.out.print(cmd.OutOrStdout(), out, out.show), err)
}

func (s *switched) show(w io.Writer) error {
	switch s.Outcome {
	case "would be":
		fmt.Fprintf(w, "%s: the writes would move from %s to %s:\n", s.DataSource, s.From, s.To)
		for i, step := range s.Steps {
			fmt.Fprintf(w, "%3d. %s\n", i+1, step)
		}
		return nil
	case "done":
		_, err := fmt.Fprintf(w, "%s: %s takes the writes now, in place of %s\n", s.DataSource, s.To, s.From)
		if err != nil {
			return err
		}
	default:
		if _, err := fmt.Fprintf(w, "%s: the switch from %s to %s is %s\n", s.DataSource, s.From, s.To, s.Outcome); err != nil {
			return err
		}
	}
	for _, h := range s.Instances {
		if h.Used > 0 {
			fmt.Fprintf(w, "  %s held writes for %v, and broke off %d connections\n", h.Instance, h.Used.Round(time.Millisecond), h.Cut)
		}
	}
	return nil
}
