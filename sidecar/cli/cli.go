// Package cli is the command line: it reads arguments, calls what serves them, and turns errors into exit codes. It
// holds no logic of its own. Level: sidecar, above all of its folders.
package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Main runs one command and returns the process's exit code.
func Main(args []string, out, errOut io.Writer) int {
	root := &cobra.Command{
		Use:           "heddle",
		Short:         "Many MySQL and MariaDB servers as one",
		Version:       buildVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), checkCommand(), devCommand(), rulesCommand(), explainCommand(), ddlCommand(), rwCommand(), txnCommand(), meshCommand(), registerCommand(), digestCommand(), instanceCommand(), versionCommand())
	root.SetVersionTemplate("heddle {{.Version}}\n")
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	if err := root.Execute(); err != nil {
		fmt.Fprintln(errOut, "heddle:", err)
		return exitCode(err)
	}
	return 0
}
