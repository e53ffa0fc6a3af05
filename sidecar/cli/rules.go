package cli

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

// rulesRun is what the commands below `heddle rules` share.
type rulesRun struct {
	load    func() (*config.Config, error)
	out     *output
	users   bool // the document of users is meant
	routes  bool // that of routes is
	author  string
	comment string
	base    int64
	wait    time.Duration
	yes     bool
}

func rulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Look at and change the documents of rules and users that the mesh runs",
		Long: "Look at and change the documents of rules, one for each logical database, the one of users, and the one of routes, in etcd.\n" +
			"Exit codes: 0 done, 1 error, 2 somebody else changed the document first, or has a canary of it, 3 the document is wrong, 5 rows would\n" +
			"not be found (or a canary or a rollback would move some), 6 an instance does not run what is in force\n" +
			"(status --wait), or none can run what has just come into force (apply, rollback, promote).",
	}
	r := &rulesRun{load: storeFlags(cmd), out: outputFlag(cmd)}
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return r.out.check() }
	cmd.AddCommand(r.apply(), r.get(), r.diff(), r.history(), r.rollback(), r.promote(), r.abort(), r.status(), validateCommand(r.out), r.drop(), r.export(), schemaCommand(), r.imports())
	return cmd
}

// fromStart is the base of a change whose author did not name one: what is in force when the command looks.
const fromStart = -2

// changeFlags declares what every change has.
func (r *rulesRun) changeFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.author, "author", "", "who makes the change (default: the user)")
	cmd.Flags().StringVar(&r.comment, "comment", "", "why")
	cmd.Flags().Int64Var(&r.base, "base", fromStart,
		"the version that the change was made from, 0 for a new document; if another one is in force, nothing is done (default: the one in force now)")
	cmd.Flags().Lookup("base").DefValue = ""
	cmd.Flags().DurationVar(&r.wait, "wait", 10*time.Second, "how long every instance may take to hold the tables of a change of placement")
}

func (r *rulesRun) usersFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&r.users, "users", false, "the document of users")
	cmd.Flags().BoolVar(&r.routes, "routes", false, "the document of routes, by which calls go")
}

// document is the one that the arguments mean.
func (r *rulesRun) document(args []string) (layout.Document, error) {
	switch {
	case (r.users || r.routes) && len(args) > 0 || r.users && r.routes:
		return layout.Document{}, fmt.Errorf("one of a database, --users and --routes")
	case r.users:
		return layout.Document{Kind: layout.Users, Name: layout.Mesh}, nil
	case r.routes:
		return layout.Document{Kind: layout.Routes, Name: layout.Mesh}, nil
	case len(args) == 0:
		return layout.Document{}, fmt.Errorf("which document? name a database, or give --users or --routes")
	}
	return layout.Document{Kind: layout.Rules, Name: args[0]}, nil
}

// run runs f with the administration of the configured mesh.
func (r *rulesRun) run(cmd *cobra.Command, f func(ctx context.Context, a *mesh.Admin) error) error {
	return withStore(cmd, r.load, func(ctx context.Context, s store.Store) error {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown host"
		}
		a, err := mesh.NewAdmin(s, "heddle rules on "+host, r.wait)
		if err != nil {
			return err
		}
		return f(ctx, a)
	})
}

// authorOr is who makes a change: whom the flag names, else the user.
func authorOr(flag string) string {
	if flag != "" {
		return flag
	}
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
