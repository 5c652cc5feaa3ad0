package chatload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// Child is a Loader that starts a program for each job, which must call Serve
// with its standard input and output.
func Child(program string, args ...string) Loader {
	return func(ctx context.Context, job Job, held func(Result) error) (err error) {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.WaitDelay = 10 * time.Second
		var told bytes.Buffer
		cmd.Stderr = &told
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		defer func() {
			in.Close() // tells the child to disconnect
			if waited := cmd.Wait(); waited != nil {
				err = fmt.Errorf("loader: %w: %s", waited, bytes.TrimSpace(told.Bytes()))
			}
		}()
		if err := json.NewEncoder(in).Encode(job); err != nil {
			return err
		}
		var r Result
		if err := json.NewDecoder(out).Decode(&r); err != nil {
			return err // the child's own error is better
		}
		return held(r)
	}
}

// Serve does the job that it reads from in, writes the result to out, and holds
// the connections until in ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	dec := json.NewDecoder(in)
	var job Job
	if err := dec.Decode(&job); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	return Run(ctx, job, func(r Result) error {
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return err
		}
		if err := dec.Decode(new(Job)); !errors.Is(err, io.EOF) {
			return errors.New("a loader does one job")
		}
		return nil
	})
}
