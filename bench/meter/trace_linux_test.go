package meter

import "testing"

func TestSumCalls(t *testing.T) {
	n, err := sumCalls("strace: Process 7 detached\n    calls syscall\n--------- ----------------\n       12 read\n        8 write\n--------- ----------------\n       20 total\n")
	if n != 20 || err != nil {
		t.Errorf("%d calls, %v", n, err)
	}
	if n, err := sumCalls("strace: attach: Operation not permitted\n"); err == nil {
		t.Errorf("no table has %d calls", n)
	}
}
