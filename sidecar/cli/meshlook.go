package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/rpc"
)

// look is a command that shows what the instance on this machine tells of calls.
func look(use, short string, load func() (*config.Config, error), show func(cmd *cobra.Command, v *rpc.View) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		Long: short + ".\nIt is asked at admin.address (of --config, HEDDLE_ADMIN_ADDRESS or --admin), which tells this to clients on the same machine only.",
	}
	admin := cmd.Flags().String("admin", "", "admin.address of the instance (host:port)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		v := &rpc.View{}
		if err := askAdmin(cmd.Context(), cmp.Or(*admin, c.Admin.Address), "/mesh", v); err != nil {
			return err
		}
		return show(cmd, v)
	}
	return cmd
}

func routesCommand(load func() (*config.Config, error), out *output) *cobra.Command {
	return look("routes", "List the routes of calls that the instance on this machine has, in the order in which they are tried", load,
		func(cmd *cobra.Command, v *rpc.View) error {
			return out.print(cmd.OutOrStdout(), v.Routes, func(w io.Writer) error {
				t := newTable("route", "calls", "to")
				for _, r := range v.Routes {
					t.AppendRow([]any{r.Name, cmp.Or(r.Match, "all"), r.Action})
				}
				_, err := fmt.Fprintln(w, t.Render())
				return err
			})
		})
}

func clustersCommand(load func() (*config.Config, error), out *output) *cobra.Command {
	return look("clusters", "List the servers of calls as the instance on this machine sees them, with the reason", load,
		func(cmd *cobra.Command, v *rpc.View) error {
			return out.print(cmd.OutOrStdout(), v.Clusters, func(w io.Writer) error {
				t := newTable("cluster", "endpoint", "state", "why", "until", "priority", "weight", "zone", "labels", "calls", "connections")
				for _, c := range v.Clusters {
					for _, e := range c.Endpoints {
						until := ""
						if e.Until != nil {
							until = when(*e.Until)
						}
						t.AppendRow([]any{c.Name, e.Address, e.State, e.Why, until, e.Priority, e.Weight, e.Zone, labelsText(e.Labels), e.Active, e.Open})
					}
				}
				_, err := fmt.Fprintln(w, t.Render())
				return err
			})
		})
}

func labelsText(labels map[string]string) string {
	parts := make([]string, 0, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+"="+labels[name])
	}
	return strings.Join(parts, " ")
}

// callsStatus is a cluster in one line.
type callsStatus struct {
	Cluster   string         `json:"cluster"`
	Balance   string         `json:"balance"`
	Endpoints int            `json:"endpoints"`
	States    map[string]int `json:"states"`
	Panicking bool           `json:"panicking"`
	Active    int            `json:"active"`
}

func callsStatusCommand(load func() (*config.Config, error), out *output) *cobra.Command {
	return look("status", "Say of each cluster of calls how many of its servers are up, as the instance on this machine sees them", load,
		func(cmd *cobra.Command, v *rpc.View) error {
			all := []callsStatus{}
			for _, c := range v.Clusters {
				s := callsStatus{Cluster: c.Name, Balance: c.Balance, Endpoints: len(c.Endpoints), States: map[string]int{}, Panicking: c.Panicking}
				for _, e := range c.Endpoints {
					s.States[e.State]++
					s.Active += e.Active
				}
				all = append(all, s)
			}
			return out.print(cmd.OutOrStdout(), all, func(w io.Writer) error {
				t := newTable("cluster", "balance", "up", "of", "too few", "calls")
				for _, s := range all {
					up := s.States["up"] + s.States["warming"] + s.States["probing"]
					t.AppendRow([]any{s.Cluster, s.Balance, up, s.Endpoints, s.Panicking, s.Active})
				}
				_, err := fmt.Fprintln(w, t.Render())
				return err
			})
		})
}
