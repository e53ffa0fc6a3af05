package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/topology"
	"github.com/heddle-mesh/heddle/sidecar"
)

// errDegraded says that somebody has to see to replication.
var errDegraded = errors.New("replication needs an operator")

// rwRun is what the commands below `heddle rw` share.
type rwRun struct{ ddlRun }

func rwCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rw",
		Short: "Look at primaries and replicas, and say which may be read",
		Long: "Look at primaries and replicas, and say which may be read. A server is DATA_SOURCE/SERVER, where SERVER is its address, or declared\n" +
			"(the one of the rules' address), or replica1, replica2, … in the order of the rules.",
	}
	r := &rwRun{ddlRun{load: meshFlags(cmd), out: outputFlag(cmd)}}
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return r.out.check() }
	cmd.AddCommand(r.status(), r.watch(), r.weight(), r.take("drain", layout.Drained), r.take("disable", layout.Disabled), r.enable(), r.promote())
	return cmd
}

// tellWait is how long the instances are waited for before a table is shown without them.
const tellWait = 1500 * time.Millisecond

func (r *rwRun) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "List the servers of data sources whose replicas are read",
		Long: "List the servers of data sources whose replicas are read. The command asks the servers itself, as each instance does, and\n" +
			"concludes the same. Where there is an etcd, the instances tell the rest: since when, how many connections they have, what the server\n" +
			"has answered in a second of the last five, and with how many errors, and what they see otherwise.\n" +
			"Exit codes: 0 all is well, 1 error, 7 a data source has no primary, or its replication needs an operator.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
				views, err := fleet.Replication(ctx)
				if err != nil {
					return err
				}
				seen, err := sightings(ctx, fleet)
				if err != nil {
					return err
				}
				sources, degraded := replicationOf(views, seen)
				err = r.out.print(cmd.OutOrStdout(), sources, func(w io.Writer) error { return printReplication(w, sources) })
				if err == nil && degraded {
					err = errDegraded
				}
				return err
			})
		},
	}
}

// sightings are what all living instances tell, or those that do so in time.
func sightings(ctx context.Context, fleet *sidecar.Fleet) (all []layout.SeenBy, err error) {
	within, cancel := context.WithTimeout(ctx, tellWait)
	defer cancel()
	err = fleet.Look(within, func(living []string, seen []layout.SeenBy) bool {
		all = seen
		return len(seen) == len(living)
	})
	if within.Err() != nil && ctx.Err() == nil {
		err = nil
	}
	return all, err
}

// replicatedSource is a data source as programs read it.
type replicatedSource struct {
	DataSource string             `json:"data_source"`
	Primary    string             `json:"primary,omitempty"`
	Why        string             `json:"no_primary_because,omitempty"`
	Alarm      string             `json:"alarm,omitempty"`
	Servers    []replicatedServer `json:"servers"`
}

type replicatedServer struct {
	Name     string   `json:"name"`
	Address  string   `json:"address"`
	Role     string   `json:"role"`
	State    string   `json:"state"`
	Reason   string   `json:"reason,omitempty"`
	Lag      *float64 `json:"lag_seconds,omitempty"`
	GTID     string   `json:"gtid,omitempty"`
	ServerID uint32   `json:"server_id,omitempty"`
	ReadOnly bool     `json:"read_only"`
	SemiSync bool     `json:"semi_sync"`
	Zone     string   `json:"zone,omitempty"`
	Weight   int      `json:"weight"`
	// What instances tell.
	Since       *time.Time `json:"since,omitempty"` // of the state
	Instances   int        `json:"instances"`       // that tell
	Connections int        `json:"connections"`
	InUse       int        `json:"in_use"`
	Answered    uint64     `json:"answered"`
	Failed      uint64     `json:"failed"`
	Otherwise   []string   `json:"seen_otherwise,omitempty"`
	PerSecond   *float64   `json:"per_second,omitempty"`
	FailedPer   *float64   `json:"failed_per_second,omitempty"`
}

func replicationOf(views []topology.View, seen []layout.SeenBy) (out []replicatedSource, degraded bool) {
	out = []replicatedSource{}
	for i := range views {
		v := &views[i]
		s := replicatedSource{DataSource: v.DataSource, Primary: v.Primary, Why: v.Why, Alarm: v.Alarm}
		degraded = degraded || v.Primary == "" || v.Alarm != ""
		for k := range v.Members {
			m := &v.Members[k]
			server := replicatedServer{
				Name: sidecar.ServerName(k), Address: m.Address, Role: "replica", State: m.State.String(), Reason: m.Reason, GTID: m.GTID.String(),
				ServerID: m.ServerID, ReadOnly: m.ReadOnly, SemiSync: m.SemiSync, Zone: m.Zone, Weight: max(m.Weight, 1),
			}
			if m.Primary {
				server.Role = "primary"
			}
			if m.LagKnown {
				lag := m.Lag.Round(time.Millisecond).Seconds()
				server.Lag = &lag
			}
			server.told(v.DataSource, seen)
			s.Servers = append(s.Servers, server)
		}
		out = append(out, s)
	}
	return out, degraded
}

// told adds what the instances see of a server.
func (s *replicatedServer) told(dataSource string, seen []layout.SeenBy) {
	for i := range seen {
		for k := range seen[i].Servers {
			o := &seen[i].Servers[k]
			if o.DataSource != dataSource || o.Server != s.Address {
				continue
			}
			s.Instances++
			s.Connections += o.Open
			s.InUse += o.Lent
			s.Answered += o.Answered
			s.Failed += o.Failed
			s.PerSecond, s.FailedPer = plus(s.PerSecond, o.PerSecond), plus(s.FailedPer, o.FailedPerSecond)
			switch {
			case o.State != s.State || o.Primary != (s.Role == "primary"):
				what := o.State
				if o.Primary {
					what = "the primary"
				}
				if o.Reason != "" {
					what += ", " + o.Reason
				}
				s.Otherwise = append(s.Otherwise, seen[i].Instance+": "+what)
			case s.Since == nil || o.Since.Before(*s.Since):
				s.Since = &o.Since
			}
		}
	}
}

// plus adds what is known.
func plus(a, b *float64) *float64 {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	sum := *a + *b
	return &sum
}

func printReplication(w io.Writer, sources []replicatedSource) error {
	t := newTable("data source", "server", "role", "state", "since", "lag", "gtid", "zone", "weight", "connections", "/s", "errors/s", "reason")
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "/s", Align: text.AlignRight}, {Name: "errors/s", Align: text.AlignRight}})
	for _, s := range sources {
		for _, m := range s.Servers {
			t.AppendRow([]any{s.DataSource, m.Address, m.Role, m.State, ago(m.Since), lagText(m.Lag), m.GTID, m.Zone, m.Weight, m.connections(),
				rateText(m.PerSecond), rateText(m.FailedPer), m.Reason})
		}
	}
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return err
	}
	return printTroubles(w, sources)
}

// connections are those of the instances that tell: in use, of all.
func (s *replicatedServer) connections() string {
	if s.Instances == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", s.InUse, s.Connections)
}

func lagText(lag *float64) string {
	if lag == nil {
		return ""
	}
	return fmt.Sprintf("%gs", *lag)
}

// rateText has a digit behind the point where that says something.
func rateText(rate *float64) string {
	switch {
	case rate == nil:
		return ""
	case *rate > 0 && *rate < 10:
		return fmt.Sprintf("%.1f", *rate)
	}
	return fmt.Sprintf("%.0f", *rate)
}

// ago is how long something is so.
func ago(since *time.Time) string {
	if since == nil {
		return ""
	}
	d := time.Since(*since)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(int(d.Seconds()), 0))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// printTroubles says in sentences what is not as it should be.
func printTroubles(w io.Writer, sources []replicatedSource) error {
	for _, s := range sources {
		if s.Primary == "" {
			fmt.Fprintf(w, "%s has no primary: %s\n", s.DataSource, s.Why)
		}
		if s.Alarm != "" {
			fmt.Fprintf(w, "%s: %s\n", s.DataSource, s.Alarm)
		}
		for _, m := range s.Servers {
			for _, o := range m.Otherwise {
				if _, err := fmt.Fprintf(w, "%s/%s is seen otherwise by %s\n", s.DataSource, m.Address, o); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
