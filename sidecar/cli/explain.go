package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/sidecar/explain"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

func explainCommand() *cobra.Command {
	var files, types []string
	var schema, database, flavour string
	cmd := &cobra.Command{
		Use:   "explain --rules FILE SQL",
		Short: "Show how a statement would be planned, without a server",
		Long: "Plan a statement by rules, without connecting to anything, and print the plan as EXPLAIN FORMAT=HEDDLE does. What\n" +
			"is not declared by --schema or --types is assumed, and said. Where the plan depends on what only a server knows,\n" +
			"it is the one for a likely answer, and a note says what the server would be asked.",
		Args: cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringArrayVarP(&files, "rules", "f", nil, "file of rule documents; repeatable")
	f.StringVar(&schema, "schema", "", "file of CREATE TABLE statements")
	f.StringArrayVar(&types, "types", nil, "type of a column, as in orders.user_id=bigint; repeatable")
	f.StringVar(&database, "database", "", "default database (default: that of the only document)")
	f.StringVar(&flavour, "flavour", "mariadb", "mariadb or mysql")
	cmd.RunE = func(cmd *cobra.Command, argv []string) error {
		in := explain.Input{Database: database, Types: map[string]string{}}
		err := explainRules(&in, files, cmd.InOrStdin())
		if err == nil {
			err = explainTables(&in, schema, types)
		}
		if err == nil {
			in.Flavour, err = flavourOf(flavour)
		}
		if err != nil {
			return err
		}
		answer, err := explain.Plan(cmd.Context(), in, argv[0])
		for _, a := range answer.Assumed {
			fmt.Fprintln(cmd.ErrOrStderr(), "assumed:", a)
		}
		for _, a := range answer.Asked {
			fmt.Fprintln(cmd.ErrOrStderr(), "note:", a)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.TrimRight(answer.Plan, "\n"))
		return err
	}
	return cmd
}

func explainRules(in *explain.Input, files []string, stdin io.Reader) error {
	if len(files) == 0 {
		return errors.New("by which rules? give --rules FILE")
	}
	parts, err := readParts(files, stdin)
	if err != nil {
		return err
	}
	texts := map[string][]byte{}
	for _, p := range parts {
		if p.Kind == layout.Rules {
			texts[p.Name] = p.Text
		}
	}
	in.Layouts, err = mesh.Layouts(texts)
	return err
}

func explainTables(in *explain.Input, schema string, types []string) error {
	for _, t := range types {
		name, typ, ok := strings.Cut(t, "=")
		if !ok || !strings.Contains(name, ".") {
			return fmt.Errorf("--types wants table.column=TYPE, not %q", t)
		}
		in.Types[name] = typ
	}
	if schema == "" {
		return nil
	}
	text, err := readFile(schema, nil)
	in.Schema = string(text)
	return err
}

// flavourOf is the oldest server of the flavour that is supported: it refuses what others may not know.
func flavourOf(name string) (parser.Flavour, error) {
	switch name {
	case "mariadb":
		return parser.Flavour{MariaDB: true, Version: 101100}, nil
	case "mysql":
		return parser.Flavour{Version: 80000}, nil
	}
	return parser.Flavour{}, fmt.Errorf("--flavour is mariadb or mysql, not %q", name)
}
