package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/observe"
)

// configFlags declares --config and a flag for each field of the configuration.
func configFlags(cmd *cobra.Command) (file *string, load func() (*config.Config, error)) {
	path := cmd.Flags().StringP("config", "c", "", "configuration file (heddle.yaml)")
	flags := config.NewFlags()
	for _, v := range flags.All() {
		cmd.Flags().Var(v, v.Name(), v.Usage())
	}
	return path, func() (*config.Config, error) {
		return config.Load(config.Sources{File: *path, Environ: os.Environ(), Flags: flags.Given()})
	}
}

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve clients",
		Long: "Serve clients, of statements and of calls (rpc.address), or, with listen.address: [], of calls alone, until SIGTERM or SIGINT; then finish statements and transactions for up to drain.deadline. A second\n" +
			"signal ends them at once, in order; a third one ends the process wherever it is.\n\n" +
			"On SIGHUP, and when one of its files changes, the configuration is read again: fields that are live take effect.\n\n" +
			"A process starts whether or not its data sources answer: it carries calls, and accepts statements as soon as one of them does.\n\n" +
			"Rules in files that place rows of tables elsewhere than those served last from the same state.dir are refused without\n" +
			"--force-placement: nothing moves rows.",
		Args: cobra.NoArgs,
	}
	file, load := configFlags(cmd)
	force := cmd.Flags().Bool("force-placement", false, "serve rules in files that change the placement of tables that may have rows: they are empty, or somebody has moved the rows")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if err := c.Check(); err != nil {
			return err
		}
		log, level, err := newLog(c)
		if err != nil {
			return err
		}
		for _, name := range config.UnknownEnv(os.Environ()) {
			log.Warn("no field of the configuration has this environment variable; one that a secret refers to is fine", zap.String("variable", name))
		}
		r := &reloader{load: load, file: *file, level: observe.NewLogLevel(level), log: log, config: c}
		r.listen()
		r.last = r.appearance() // what changes while the process starts has changed
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
		defer stop()
		p, err := sidecar.Start(ctx, c, log, *force)
		if err != nil {
			return err
		}
		p.LogBy(r.level)
		p.Ready(cmd.OutOrStdout())
		r.process = p
		r.follow(ctx)
		second, settled := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
		stop()
		defer settled()
		defer context.AfterFunc(second, settled)() // a third signal is the system's to handle
		deadline := p.DrainDeadline()
		log.Info("draining", zap.Stringer("deadline", deadline))
		drain, cancel := context.WithTimeout(second, deadline)
		defer cancel()
		return p.Stop(drain)
	}
	return cmd
}

// newLog makes the log that the configuration asks for, on standard error.
func newLog(c *config.Config) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zapcore.ParseLevel(c.Log.Level)
	if err != nil {
		return nil, zap.AtomicLevel{}, fmt.Errorf("log.level: %w", err)
	}
	settings := zap.NewProductionConfig()
	settings.Level = zap.NewAtomicLevelAt(level)
	settings.OutputPaths = []string{"stderr"}
	settings.Encoding = "json"
	if c.Log.Format == "console" {
		settings.Encoding = "console"
		settings.EncoderConfig = zap.NewDevelopmentEncoderConfig()
	}
	settings.DisableStacktrace = true
	log, err := settings.Build()
	return log, settings.Level, err
}

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and the documents that it names, without connecting to anything",
		Long: "Check the configuration and the documents that it names, without connecting to anything.\n\n" +
			"With --online the data sources are asked too: whether they can be entered, and which of their settings differ.",
		Args: cobra.NoArgs,
	}
	_, load := configFlags(cmd)
	online := cmd.Flags().Bool("online", false, "connect to the data sources and compare their settings")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err == nil {
			err = c.Check()
		}
		var docs []*rule.Document
		if err == nil && !c.UsesEtcd() && c.TakesStatements() {
			docs, _, err = sidecar.ReadRules(c.Rules.File)
		}
		if err == nil && len(c.RPC.Address) > 0 && !c.UsesEtcd() {
			_, err = sidecar.ReadRoutes(c)
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), "the configuration is valid")
		if !c.TakesStatements() {
			return nil // there is nothing to ask of data sources
		}
		if err := sidecar.Misplaced(cmd.Context(), c, docs, *online); err != nil {
			return err
		}
		for _, d := range docs {
			if note := rule.UnreadReplicas(d.DataSources); note != "" && d.Splitting == nil {
				fmt.Fprintln(cmd.OutOrStdout(), "note:", note)
			}
		}
		if !*online {
			return nil
		}
		found, err := sidecar.Examine(cmd.Context(), c)
		if found != nil {
			printExamination(cmd.OutOrStdout(), found)
		}
		return err
	}
	return cmd
}

func printExamination(w io.Writer, e *sidecar.Examination) {
	for _, s := range e.Servers {
		fmt.Fprintf(w, "%s answers: %s\n", s.DataSource, s.Version)
	}
	for _, d := range e.Alike {
		fmt.Fprintf(w, "made alike:    %s\n", d)
	}
	for _, d := range e.Apart {
		fmt.Fprintf(w, "stays apart:   %s\n", d)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Refused)) {
		for _, r := range e.Refused[name] {
			fmt.Fprintf(w, "not taken:     %s: %s = %s: %v\n", name, r.Setting, r.Want, r.Err)
		}
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), "heddle", buildVersion())
		},
	}
}

// commit is what the linker has been told of the clone (-X, in the Makefile): the go command does not always note it.
var commit string

// release is the version that the source is on the way to; CHANGELOG.md says what is in it.
const release = "0.1.0-dev"

// buildVersion is the module's version, or, of a build in a clone, the next one with the commit, as far as it is known.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	at, changed := commit, ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			at = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed since"
		}
	}
	if at == "" {
		return release + " (" + info.GoVersion + ")"
	}
	return release + " (commit " + at + changed + ", " + info.GoVersion + ")"
}
