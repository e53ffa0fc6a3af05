package arch

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
)

// aboutTransactions are the files that speak of nothing else.
var aboutTransactions = []string{"proxy/session/spread.go", "proxy/session/clientxa.go", "proxy/session/atomicread.go", "proxy/session/transaction.go"}

// ofTransactions are the errors that clients know transactions' ends by.
var ofTransactions = regexp.MustCompile(`^(Code(LockWaitTimeout|Deadlock|ErrorDuringComm|ReadOnlyTxn|TransactionInProgress|XA\w+)|1180|1205|1213|1568|1614|1792|1397|1398|1399|140[0-2]|1440)$`)

// Texts: what clients are told of transactions is made in one file, whose texts a golden freezes.
func Texts(files []*File) []string {
	const where = "what clients are told of transactions is made in internal/sqlerr/transactions.go"
	return calls(files, func(f *File, call *ast.CallExpr) string {
		local := f.imported(Module + "/internal/sqlerr")
		if f.Test || local == "" || len(call.Args) == 0 || underAny(f.Dir, outside...) {
			return ""
		}
		switch {
		case isSelector(call.Fun, local, "NotSupported") && (slices.Contains(aboutTransactions, f.Path) || f.Dir == "proxy/session" && saysTransaction(call.Args[0])):
			return where
		case isSelector(call.Fun, local, "New") && ofTransactions.MatchString(lastWord(call.Args[0])):
			return where
		}
		return ""
	})
}

// saysTransaction reports whether a text's parts have a word of transactions.
func saysTransaction(e ast.Expr) (says bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok {
			says = says || strings.Contains(lit.Value, "transaction") || strings.Contains(lit.Value, "XA ")
		}
		return !says
	})
	return says
}

// lastWord is a number, or the name of a constant.
func lastWord(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Value
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
