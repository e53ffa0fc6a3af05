package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

func instanceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "instance", Short: "Look at the configuration and the log of the instance on this machine"}
	out := outputFlag(cmd)
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return out.check() }
	cmd.AddCommand(instanceConfigCommand(out), instanceLogCommand(out))
	return cmd
}

// asked says where commands ask that look at the instance on this machine.
const asked = "It is asked at admin.address (of --config, HEDDLE_ADMIN_ADDRESS or --admin-address), which tells this to clients on the same machine only."

func instanceConfigCommand(out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "List the fields of the configuration that are in force, and what they are by default",
		Long:  "List the fields of the configuration that are in force, and what they are by default: of files and the environment what they had when they were read\nlast, of fields that are not live when the process started. Secrets are their references.\n" + asked,
		Args:  cobra.NoArgs,
	}
	_, load := configFlags(cmd)
	changed := cmd.Flags().Bool("changed", false, "only those that differ from the default")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		var all []observe.Setting
		if err := askAdmin(cmd.Context(), c.Admin.Address, "/config", &all); err != nil {
			return err
		}
		found := []observe.Setting{}
		for _, s := range all {
			if !*changed || s.Value != s.Default {
				found = append(found, s)
			}
		}
		return out.print(cmd.OutOrStdout(), found, func(w io.Writer) error {
			t := newTable("field", "value", "default", "live")
			for _, s := range found {
				t.AppendRow([]any{s.Name, s.Value, s.Default, map[bool]string{true: "yes", false: "no"}[s.Live]})
			}
			_, err := fmt.Fprintln(w, t.Render())
			return err
		})
	}
	return cmd
}

func instanceLogCommand(out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log [LEVEL]",
		Short: "Say how much is logged, or have more or less be logged for a while",
		Long:  "Say how much is logged, or have more or less be logged (debug, info, warn or error, and above) for a while, after which log.level holds again;\nwith --reset it does at once.\n" + asked,
		Args:  cobra.MaximumNArgs(1),
	}
	_, load := configFlags(cmd)
	lasts := cmd.Flags().Duration("for", 10*time.Minute, "how long the level holds")
	reset := cmd.Flags().Bool("reset", false, "log by log.level again")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *reset && len(args) > 0 {
			return errors.New("--reset takes no level")
		}
		c, err := load()
		if err != nil {
			return err
		}
		state := &observe.LogState{}
		if err := logged(cmd, c, args, *reset, *lasts, state); err != nil {
			return err
		}
		return out.print(cmd.OutOrStdout(), state, func(w io.Writer) error {
			line := "logged is " + state.Level + " and above"
			if state.Until != nil {
				line += ", until " + when(*state.Until) + "; then " + state.Configured
			}
			_, err := fmt.Fprintln(w, line)
			return err
		})
	}
	return cmd
}

// logged asks what is logged, or changes it.
func logged(cmd *cobra.Command, c *config.Config, args []string, reset bool, lasts time.Duration, state *observe.LogState) error {
	body := "{}"
	switch {
	case len(args) > 0:
		text, err := json.Marshal(map[string]string{"level": args[0], "for": lasts.String()})
		if err != nil {
			return err
		}
		body = string(text)
	case !reset:
		return askAdmin(cmd.Context(), c.Admin.Address, "/log", state)
	}
	return callAdmin(cmd.Context(), http.MethodPut, c.Admin.Address, "/log", body, state)
}
