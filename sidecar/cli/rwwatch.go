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
		Long: "Show the servers of data sources whose replicas are read as they change, until it is interrupted. The rates are those of the living\n" +
			"instances together, from one look to the next. With -o json each look is a line.",
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
	rates := &rates{}
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
		rates.add(sources, seen)
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
	t := newTable("data source", "server", "role", "state", "since", "lag", "gtid", "connections", "/s", "errors/s", "reason")
	for _, s := range sources {
		for _, m := range s.Servers {
			t.AppendRow([]any{s.DataSource, m.Address, m.Role, m.State, ago(m.Since), lagText(m.Lag), m.GTID, m.connections(), rateText(m.PerSecond), rateText(m.FailedPer), m.Reason})
		}
	}
	if _, err := fmt.Fprintf(w, "%s\n%s\n", time.Now().Format("15:04:05"), t.Render()); err != nil {
		return err
	}
	return printTroubles(w, sources)
}

func rateText(rate *float64) string {
	if rate == nil {
		return ""
	}
	return fmt.Sprintf("%.0f", *rate)
}

// rates are made of what instances have counted, from one telling to the next.
type rates struct {
	last map[servedBy]served
	now  map[string]perSecond // by data source and address
}

type servedBy struct{ instance, dataSource, server string }

type served struct {
	at               time.Time
	answered, failed uint64
}

type perSecond struct{ answered, failed float64 }

// add puts the rates into what is to be shown.
func (r *rates) add(sources []replicatedSource, seen []layout.SeenBy) {
	next, sums := map[servedBy]served{}, map[string]perSecond{}
	fresh := false
	for _, s := range seen {
		for _, o := range s.Servers {
			key := servedBy{s.Instance, o.DataSource, o.Server}
			is := served{s.At, o.Answered, o.Failed}
			next[key] = is
			was, known := r.last[key]
			if known && was.at.Equal(is.at) {
				continue
			}
			fresh = true
			took := is.at.Sub(was.at).Seconds()
			if known && took > 0 && is.answered >= was.answered && is.failed >= was.failed { // else its pool is new
				sum := sums[o.DataSource+"/"+o.Server]
				sum.answered += float64(is.answered-was.answered) / took
				sum.failed += float64(is.failed-was.failed) / took
				sums[o.DataSource+"/"+o.Server] = sum
			}
		}
	}
	if fresh {
		r.last, r.now = next, sums
	}
	for i := range sources {
		for k := range sources[i].Servers {
			m := &sources[i].Servers[k]
			if sum, known := r.now[sources[i].DataSource+"/"+m.Address]; known {
				m.PerSecond, m.FailedPer = &sum.answered, &sum.failed
			}
		}
	}
}
