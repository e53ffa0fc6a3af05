package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/topology"
	"github.com/heddle-mesh/heddle/sidecar"
)

// errSayYes is something dangerous where nobody can be asked.
var errSayYes = errors.New("nobody is at the terminal to be asked: give --yes if it is meant")

// ordering are the flags of the commands that say something of servers.
type ordering struct {
	reason, author string
	yes            bool
	confirmed      []string // data sources of which the last replica may go
	wait           time.Duration
}

func (o *ordering) flags(cmd *cobra.Command, wait time.Duration) {
	cmd.Flags().StringVar(&o.author, "author", "", "who says so (default: the user)")
	cmd.Flags().DurationVar(&o.wait, "wait", wait, "how long the instances are waited for; 0: not at all")
	yesFlag(cmd, &o.yes)
}

func (r *rwRun) take(verb, state string) *cobra.Command {
	o := &ordering{}
	cmd := &cobra.Command{Use: verb + " DATA_SOURCE/SERVER …", Args: cobra.MinimumNArgs(1)}
	switch state {
	case layout.Drained:
		cmd.Short = "Have servers read no more; connections to them end as what runs there ends"
	default:
		cmd.Short = "Have servers read no more, and break off what runs there: it is run elsewhere"
	}
	cmd.Long = cmd.Short + ".\nIt holds until heddle rw enable, also when instances or the server are started anew. What is asked of the primary is refused.\n" +
		"The command waits until no instance has a connection to them.\n" +
		"Exit codes: 0 done, 1 error, 2 a server takes the writes, 6 an instance has not followed in time."
	cmd.Flags().StringVar(&o.reason, "reason", "", "why; it is shown by heddle rw status")
	o.flags(cmd, 30*time.Second)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
			servers, views, err := named(ctx, fleet, args)
			if err != nil {
				return err
			}
			revision, err := fleet.Take(ctx, servers, views, func(was *layout.Order) {
				was.By, was.At = authorOr(o.author), time.Now().UTC()
				if was.State != state {
					was.State, was.Since = state, was.At
				}
				was.Reason = o.reason
			}, func(last []string) error { return o.mayTake(cmd, last) })
			if err != nil {
				return err
			}
			return r.adopted(cmd, fleet, servers, state, o.wait, revision)
		})
	}
	return cmd
}

func (r *rwRun) enable() *cobra.Command {
	o := &ordering{}
	cmd := &cobra.Command{
		Use:   "enable DATA_SOURCE/SERVER …",
		Short: "Take back what drain or disable has said; they are read as soon as they are near enough to their primary",
		Args:  cobra.MinimumNArgs(1),
	}
	o.flags(cmd, 30*time.Second)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
			servers, _, err := named(ctx, fleet, args)
			if err != nil {
				return err
			}
			revision, err := fleet.Order(ctx, servers, func(was *layout.Order) {
				was.By, was.At = authorOr(o.author), time.Now().UTC()
				was.State, was.Since, was.Reason = "", time.Time{}, ""
			})
			if err != nil {
				return err
			}
			return r.adopted(cmd, fleet, servers, "enabled", o.wait, revision)
		})
	}
	return cmd
}

func (r *rwRun) weight() *cobra.Command {
	o := &ordering{}
	cmd := &cobra.Command{
		Use:   "weight DATA_SOURCE/SERVER (N | default)",
		Short: "Change the share of reads that a server gets among the others, as weight in the rules does",
		Long: "Change the share of reads that a server gets among the others, as weight in the rules does, over which it goes until it is given\n" +
			"back by default. The balancers weighted, least_active and peak_ewma go by it. To have a server read no more: heddle rw drain.",
		Args: cobra.ExactArgs(2),
	}
	o.flags(cmd, 30*time.Second)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n := 0
		if args[1] != "default" {
			var err error
			if n, err = strconv.Atoi(args[1]); err != nil || n < 1 || n > 1000 {
				return fmt.Errorf("a weight is a number from 1 to 1000, or default, not %q; heddle rw drain takes a server away", args[1])
			}
		}
		return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
			servers, _, err := named(ctx, fleet, args[:1])
			if err != nil {
				return err
			}
			revision, err := fleet.Order(ctx, servers, func(was *layout.Order) {
				was.By, was.At, was.Weight = authorOr(o.author), time.Now().UTC(), n
			})
			if err != nil {
				return err
			}
			return r.adopted(cmd, fleet, servers, "weight "+args[1], o.wait, revision)
		})
	}
	return cmd
}

// named finds the servers that are meant.
func named(ctx context.Context, fleet *sidecar.Fleet, args []string) (servers []sidecar.Named, views []topology.View, err error) {
	if views, err = fleet.Replication(ctx); err != nil {
		return nil, nil, err
	}
	for _, arg := range args {
		n, _, err := sidecar.Name(views, arg)
		if err != nil {
			return nil, nil, err
		}
		if !slices.Contains(servers, n) {
			servers = append(servers, n)
		}
	}
	return servers, views, nil
}

// mayTake asks before the last replica goes, once for the same ones.
func (o *ordering) mayTake(cmd *cobra.Command, last []string) error {
	if slices.Equal(o.confirmed, last) {
		return nil
	}
	err := confirmOrYes(cmd, o.yes, "No replica of "+strings.Join(last, ", ")+" is left to be read: all reads go to the primary, or fail, as the rules say")
	if err == nil {
		o.confirmed = last
	}
	return err
}

// confirmOrYes is confirm where no other flag says that it is meant.
func confirmOrYes(cmd *cobra.Command, yes bool, what string) error {
	if !yes && !terminal(cmd.InOrStdin()) {
		return fmt.Errorf("%s: %w", what, errSayYes)
	}
	return confirm(cmd, yes, what)
}

// ordered is what came of an order, as programs read it.
type ordered struct {
	Servers []string `json:"servers"`
	Said    string   `json:"said"`
	Behind  []string `json:"behind,omitempty"` // instances that have not followed yet, with why
}

// adopted waits until all living instances do as they were told, and tells what came of it.
func (r *rwRun) adopted(cmd *cobra.Command, fleet *sidecar.Fleet, servers []sidecar.Named, said string, wait time.Duration, revision int64) error {
	out := &ordered{Said: said}
	for _, n := range servers {
		out.Servers = append(out.Servers, n.String())
	}
	if wait > 0 {
		ctx, cancel := context.WithTimeout(cmd.Context(), wait)
		defer cancel()
		p := newProgress(cmd.ErrOrStderr())
		err := fleet.Look(ctx, func(living []string, seen []layout.SeenBy) bool {
			out.Behind = sidecar.BehindOrders(living, seen, servers, said, revision)
			if p.to != nil {
				p.line(strings.Join(out.Behind, "; "))
			}
			return len(out.Behind) == 0
		})
		p.end()
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	err := r.out.print(cmd.OutOrStdout(), out, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %s\n", strings.Join(out.Servers, ", "), out.Said)
		return err
	})
	if err == nil && len(out.Behind) > 0 {
		err = fmt.Errorf("%w: %s", errBehind, strings.Join(out.Behind, "; "))
	}
	return err
}
