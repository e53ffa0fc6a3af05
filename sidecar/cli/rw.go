package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/topology"
	"github.com/heddle-mesh/heddle/sidecar"
)

// errDegraded says that somebody has to see to replication.
var errDegraded = errors.New("replication needs an operator")

func rwCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "rw", Short: "Look at primaries and replicas"}
	r := &ddlRun{load: meshFlags(cmd), out: outputFlag(cmd)}
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return r.out.check() }
	cmd.AddCommand(rwStatusCommand(r))
	return cmd
}

func rwStatusCommand(r *ddlRun) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "List the servers of data sources whose replicas are read, as they answer now",
		Long: "List the servers of data sources whose replicas are read. The command asks the servers itself, as each instance does, and\n" +
			"concludes the same; what only time tells, such as how long a state has lasted, the log of the instances says.\n" +
			"Exit codes: 0 all is well, 1 error, 7 a data source has no primary, or its replication needs an operator.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.run(cmd, func(ctx context.Context, fleet *sidecar.Fleet) error {
				views, err := fleet.Replication(ctx)
				if err != nil {
					return err
				}
				sources, degraded := replicationOf(views)
				err = r.out.print(cmd.OutOrStdout(), sources, func(w io.Writer) error { return printReplication(w, sources) })
				if err == nil && degraded {
					err = errDegraded
				}
				return err
			})
		},
	}
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
}

func replicationOf(views []topology.View) (out []replicatedSource, degraded bool) {
	out = []replicatedSource{}
	for i := range views {
		v := &views[i]
		s := replicatedSource{DataSource: v.DataSource, Primary: v.Primary, Why: v.Why, Alarm: v.Alarm}
		degraded = degraded || v.Primary == "" || v.Alarm != ""
		for k := range v.Members {
			m := &v.Members[k]
			server := replicatedServer{
				Address: m.Address, Role: "replica", State: m.State.String(), Reason: m.Reason, GTID: m.GTID.String(), ServerID: m.ServerID,
				ReadOnly: m.ReadOnly, SemiSync: m.SemiSync, Zone: m.Zone, Weight: m.Weight,
			}
			if m.Primary {
				server.Role = "primary"
			}
			if m.LagKnown {
				lag := m.Lag.Round(time.Millisecond).Seconds()
				server.Lag = &lag
			}
			s.Servers = append(s.Servers, server)
		}
		out = append(out, s)
	}
	return out, degraded
}

func printReplication(w io.Writer, sources []replicatedSource) error {
	t := newTable("data source", "server", "role", "state", "lag", "gtid", "zone", "weight", "reason")
	for _, s := range sources {
		for _, m := range s.Servers {
			lag := ""
			if m.Lag != nil {
				lag = fmt.Sprintf("%gs", *m.Lag)
			}
			t.AppendRow([]any{s.DataSource, m.Address, m.Role, m.State, lag, m.GTID, m.Zone, m.Weight, m.Reason})
		}
	}
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return err
	}
	for _, s := range sources {
		if s.Primary == "" {
			fmt.Fprintf(w, "%s has no primary: %s\n", s.DataSource, s.Why)
		}
		if s.Alarm != "" {
			fmt.Fprintf(w, "%s: %s\n", s.DataSource, s.Alarm)
		}
	}
	return nil
}
