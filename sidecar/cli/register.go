package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/sidecar/rpc/discovery"
)

func registerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "register --cluster CLUSTER --address HOST:PORT [-- COMMAND ARGUMENT…]",
		Short: "Keep a server of calls registered, for as long as this runs, or the command that it starts",
		Long: "Keep a server of calls registered in etcd, for clusters that discover by registry: for as long as this runs, or the command that it starts.\n" +
			"At SIGTERM and SIGINT the server is taken off first, and then the command is sent SIGTERM. A machine that is lost is taken off when its lease ends (--ttl).",
	}
	load := storeFlags(cmd)
	var cluster string
	var e layout.Endpoint
	cmd.Flags().StringVar(&cluster, "cluster", "", "cluster of the routes document")
	cmd.Flags().StringVar(&e.Address, "address", "", "where others reach the server (host:port)")
	cmd.Flags().IntVar(&e.Weight, "weight", 0, "share among the others (default: 1)")
	cmd.Flags().StringToStringVar(&e.Labels, "label", nil, "by which routes choose a subset of the cluster, as version=v2 (repeatable)")
	cmd.Flags().IntVar(&e.Priority, "priority", 0, "those of a higher number are called only while too few of the lower ones are up")
	cmd.Flags().StringVar(&e.Zone, "zone", "", "where it runs")
	ttl := cmd.Flags().Duration("ttl", 10*time.Second, "how long it is kept without a sign of life")
	_ = cmd.MarkFlagRequired("cluster") // they are flags
	_ = cmd.MarkFlagRequired("address")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withStore(cmd, load, func(ctx context.Context, s store.Store) error {
			ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
			defer stop()
			r := &registration{cluster: cluster, endpoint: e, ttl: *ttl, store: s}
			return r.run(ctx, cmd, args)
		})
	}
	return cmd
}

// registration is of one server.
type registration struct {
	store    store.Store
	cluster  string
	endpoint layout.Endpoint
	ttl      time.Duration
}

// run keeps it until ctx ends or the command does, which ends last.
func (r *registration) run(ctx context.Context, cmd *cobra.Command, args []string) error {
	asked := ctx // to end
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	ended := make(chan error, 1)
	command, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	if len(args) > 0 {
		c := exec.CommandContext(command, args[0], args[1:]...)
		c.Stdin, c.Stdout, c.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
		c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
		if err := c.Start(); err != nil {
			return fmt.Errorf("start %s: %w", args[0], err)
		}
		go func() {
			ended <- c.Wait()
			leave()
		}()
	}
	err := discovery.Register(ctx, r.store, r.cluster, r.endpoint, r.ttl, func() {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s is registered for %s\n", r.endpoint.Address, r.cluster)
	}, func(err error) {
		fmt.Fprintf(cmd.ErrOrStderr(), "heddle: registration of %s: %v\n", r.endpoint.Address, err)
	})
	if len(args) == 0 {
		return err
	}
	end()
	if why := <-ended; why != nil && asked.Err() == nil {
		err = errors.Join(err, fmt.Errorf("%s: %w", args[0], why))
	}
	return err
}
