package cli

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

// storeFlags declares, for a command and those below it, --config and the flags that say where the etcd is.
func storeFlags(cmd *cobra.Command) func() (*config.Config, error) {
	return withEtcd(meshFlags(cmd))
}

// withEtcd has load insist on an etcd.
func withEtcd(load func() (*config.Config, error)) func() (*config.Config, error) {
	return func() (*config.Config, error) {
		c, err := load()
		if err == nil && !c.UsesEtcd() {
			err = errors.New("nothing says where the etcd is: give --etcd-endpoints, --config, or HEDDLE_ETCD_ENDPOINTS")
		}
		return c, err
	}
}

// meshFlags is storeFlags for what an instance without etcd has too.
func meshFlags(cmd *cobra.Command) (load func() (*config.Config, error)) {
	path := cmd.PersistentFlags().StringP("config", "c", "", "configuration file (heddle.yaml)")
	flags := config.NewFlags()
	for _, v := range flags.All() {
		if strings.HasPrefix(v.Name(), "etcd-") {
			cmd.PersistentFlags().Var(v, v.Name(), v.Usage())
		}
	}
	return func() (*config.Config, error) {
		return config.Load(config.Sources{File: *path, Environ: os.Environ(), Flags: flags.Given()})
	}
}

// withStore runs f with the configured store.
func withStore(cmd *cobra.Command, load func() (*config.Config, error), f func(ctx context.Context, s store.Store) error) error {
	c, err := load()
	if err != nil {
		return err
	}
	s, err := mesh.Open(c, zap.NewNop())
	if err != nil {
		return err
	}
	return errors.Join(f(cmd.Context(), s), s.Close())
}
