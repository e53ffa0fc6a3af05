package differential

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

var reporting sync.Mutex // guards the report's file

// report appends the differences to the file that HEDDLE_DIFFERENTIAL_REPORT names, one line each, for a look at all
// of them by class: the class, the layout, the place, the statement, both sides; tabs between.
func report(r *fileRun, c *Case, step *Step, list []Difference) {
	path := os.Getenv("HEDDLE_DIFFERENTIAL_REPORT")
	if path == "" {
		return
	}
	sql, line := "", c.Line
	if step != nil {
		sql, line = step.SQL, step.Line
	}
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%s\t%s\t%s.sql:%d\t%q\t%q\t%q\n", d.What, r.layout, r.file.Topic, line, sql, d.Plain, d.Heddle)
	}
	reporting.Lock()
	defer reporting.Unlock()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.WriteString(b.String()) // a report that is cut short costs nothing
}
