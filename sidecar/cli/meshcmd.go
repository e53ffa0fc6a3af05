package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/claim"
	"github.com/heddle-mesh/heddle/governance/instance"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/sidecar/config"
)

func meshCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "mesh", Short: "Look after the instances of the mesh and its store, and at where calls go"}
	local := meshFlags(cmd)
	load := withEtcd(local)
	out := outputFlag(cmd)
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return out.check() }
	cmd.AddCommand(callsStatusCommand(local, out), routesCommand(local, out), clustersCommand(local, out), dumpCommand(local, out), tapCommand(local, out), callsTopCommand(local, out))
	cmd.AddCommand(instancesCommand(load, out), evictCommand(load), initCommand(load), restoredCommand(load))
	return cmd
}

func instancesCommand(load func() (*config.Config, error), out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "instances",
		Short: "List the instances that are alive or may be serving",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd, load, func(ctx context.Context, s store.Store) error {
				peers, err := instance.Peers(ctx, s)
				if err != nil {
					return err
				}
				return out.print(cmd.OutOrStdout(), views(peers), func(w io.Writer) error {
					t := newTable("instance", "address", "alive", "without lease", "number", "version", "started")
					for _, p := range peers {
						t.AppendRow([]any{p.Name, p.Address, p.Alive, p.Offline, p.Number, p.Version, when(p.Started)})
					}
					_, err := fmt.Fprintln(w, t.Render())
					return err
				})
			})
		},
	}
}

// peer is one instance as programs read it.
type peer struct {
	Name    string            `json:"name"`
	Address string            `json:"address"`
	Alive   bool              `json:"alive"`
	Member  bool              `json:"member"`
	Offline layout.Offline    `json:"offline"`
	Number  uint16            `json:"number,omitempty"`
	Version string            `json:"version,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Started time.Time         `json:"started,omitzero"`
}

func views(peers []instance.Peer) []peer {
	out := []peer{}
	for _, p := range peers {
		out = append(out, peer{p.Name, p.Address, p.Alive, p.Member, p.Offline, p.Number, p.Version, p.Labels, p.Started})
	}
	return out
}

func evictCommand(load func() (*config.Config, error)) *cobra.Command {
	return &cobra.Command{
		Use:   "evict INSTANCE",
		Short: "Make changes of placement, and ids that clients give, wait no more for an instance that is gone for good",
		Long: "Make changes of placement, and ids that clients give, wait no more for an instance that is gone for good. You vouch that it serves nobody and\n" +
			"will not start from its state directory again: nobody else can know. A living instance is not evicted.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(cmd, load, func(ctx context.Context, s store.Store) error {
				if err := instance.Evict(ctx, s, args[0]); err != nil {
					return err
				}
				if err := claim.Evicted(ctx, s, args[0], time.Now()); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is no member any more\n", args[0])
				return err
			})
		},
	}
}

func initCommand(load func() (*config.Config, error)) *cobra.Command {
	var author string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Vouch that the store is that of a new mesh, so that keys are generated at once",
		Long: "Vouch that no instance uses ids that this store does not know of: the mesh never ran before, or all its instances\n" +
			"were stopped since its store was lost. Without that, nobody generates keys in a new store for more than four\n" +
			"hours, which is how long claims from a lost one may be in use.",
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&author, "author", "", "who vouches (default: the user)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withStore(cmd, load, func(ctx context.Context, s store.Store) error {
			by := authorOr(author)
			if err := claim.Fresh(ctx, s, time.Now(), by); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "the mesh is new; keys are generated at once")
			return err
		})
	}
	return cmd
}

func restoredCommand(load func() (*config.Config, error)) *cobra.Command {
	var author string
	cmd := &cobra.Command{
		Use:   "restored",
		Short: "Say that the store was set back to a backup: nobody generates keys by new claims for more than four hours",
		Args:  cobra.NoArgs,
	}
	cmd.Flags().StringVar(&author, "author", "", "who says so (default: the user)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withStore(cmd, load, func(ctx context.Context, s store.Store) error {
			by := authorOr(author)
			err := claim.Restored(ctx, s, time.Now(), by)
			if err == nil {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "noted; new claims are used when those that the backup does not know have ended")
			}
			return err
		})
	}
	return cmd
}
