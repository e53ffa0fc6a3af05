package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/sidecar"
)

func (r *rwRun) watch() *cobra.Command {
	var count int
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Show the servers of data sources whose replicas are read as they change",
		Long: "Show the servers of data sources whose replicas are read as they change, until it is interrupted. The columns are those of\n" +
			"heddle rw status. With -o json each look is a line.",
		Args: cobra.NoArgs,
	}
	cmd.Flags().IntVar(&count, "count", 0, "end after so many looks; 0: never")
	cmd.Flags().DurationVar(&every, "every", time.Second, "the pause between looks")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
			if _, err := fleet.Replication(ctx); err != nil {
				return err
			}
			return r.looks(ctx, cmd.OutOrStdout(), fleet, count, max(every, 100*time.Millisecond))
		})
	}
	return cmd
}

// looks prints a table again and again, while the instances tell what they see.
func (r *rwRun) looks(ctx context.Context, w io.Writer, fleet *sidecar.Fleet, count int, every time.Duration) error {
	ctx, stop := context.WithCancel(ctx)
	told := make(chan []layout.SeenBy, 1)
	failed := make(chan error, 1)
	var asking sync.WaitGroup
	asking.Go(func() {
		failed <- fleet.Look(ctx, func(_ []string, seen []layout.SeenBy) bool {
			select {
			case <-told: // nobody has shown it
			default:
			}
			told <- seen
			return false
		})
	})
	defer func() { stop(); asking.Wait() }()
	var seen []layout.SeenBy
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; count == 0 || n < count; n++ {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if err != nil && ctx.Err() == nil {
				return err
			}
		case <-tick.C:
		}
		select {
		case seen = <-told:
		default:
		}
		sources, _ := replicationOf(fleet.Views(), seen)
		if err := r.look(w, sources); err != nil {
			return err
		}
	}
	return nil
}

// look prints one.
func (r *rwRun) look(w io.Writer, sources []replicatedSource) error {
	if r.out.format == "json" {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(sources)
	}
	if terminal(w) {
		fmt.Fprint(w, "\x1b[H\x1b[2J")
	}
	if _, err := fmt.Fprintln(w, time.Now().Format("15:04:05")); err != nil {
		return err
	}
	return printReplication(w, sources)
}
