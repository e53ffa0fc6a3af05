package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/sidecar/ops"
)

// terminal reports whether a stream is one that a person looks at or types on.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a device too, at which nobody sits
	return err == nil && !os.SameFile(info, null)
}

// errNotConfirmed is a change that the person at the terminal thought better of.
var errNotConfirmed = errors.New("not confirmed: nothing was changed")

func yesFlag(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "do not ask on the terminal before something dangerous")
}

// confirm asks the person at the terminal before something dangerous. Where there is none, the flag that says that it is
// meant has to be enough.
func confirm(cmd *cobra.Command, yes bool, what string) error {
	if yes || !terminal(cmd.InOrStdin()) {
		return nil
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s.\nGo on? Type yes: ", what)
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && line == "" {
		return errNotConfirmed
	}
	if strings.TrimSpace(line) != "yes" {
		return errNotConfirmed
	}
	return nil
}

// progress shows on a terminal, in one line, how far something has come.
type progress struct {
	to    io.Writer // nil: nobody looks
	last  time.Time
	width int
}

func newProgress(to io.Writer) *progress {
	if !terminal(to) {
		return &progress{}
	}
	return &progress{to: to}
}

// looked tells of a look at rows.
func (p *progress) looked(at ops.Progress) {
	if p.to == nil || time.Since(p.last) < 100*time.Millisecond {
		return
	}
	p.last = time.Now()
	p.line(fmt.Sprintf("%s on %s: %d of about %d rows", at.Table, at.DataSource, at.Rows, at.Of))
}

func (p *progress) line(text string) {
	fmt.Fprintf(p.to, "\r%-*s", p.width, text)
	p.width = len(text)
}

// end clears the line.
func (p *progress) end() {
	if p.to != nil && p.width > 0 {
		p.line("")
		fmt.Fprint(p.to, "\r")
	}
}
