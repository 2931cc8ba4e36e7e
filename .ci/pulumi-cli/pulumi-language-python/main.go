// Command pulumi-language-python is the language host that the Pulumi engine starts for `runtime: python`.
//
// The official one is not published where this project's machines can fetch Go modules from, so this one takes
// its place in the engine tests. It does what `pulumi preview`, `up` and `destroy` ask of a language host and
// leaves the rest (new, install, convert, about) to the official one. The interpreter is chosen by the SDK's own
// toolchain package, and the program is started by the SDK's own pulumi-language-python-exec: what runs the
// user's program is the official code.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/pulumi/pulumi/sdk/v3/python/toolchain"
)

// pulumi-language-python-exec exits with this code when it has already shown the error to the user.
const exitedAfterShowingTheError = 32

type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engineAddress string
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

// GetRequiredPackages names none: the Python SDK sends name and version of its provider with every resource,
// so the engine loads each provider when the first of its resources arrives.
func (h *host) GetRequiredPackages(
	context.Context, *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{}, nil
}

// Run starts the user's program and waits for it. Its output goes to the engine through our own.
func (h *host) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	cmd, err := h.command(ctx, req)
	if err != nil {
		return nil, err
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case errors.As(err, &exit) && exit.ExitCode() == exitedAfterShowingTheError:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case errors.As(err, &exit):
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("Program exited with %v", exit)}, nil
	default:
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
}

func (h *host) command(ctx context.Context, req *pulumirpc.RunRequest) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	info := req.GetInfo()
	python, err := toolchain.ResolveToolchain(toolchain.PythonOptions{
		Root:       info.GetRootDirectory(),
		ProgramDir: info.GetProgramDirectory(),
		Virtualenv: info.GetOptions().GetFields()["virtualenv"].GetStringValue(),
		Toolchain:  toolchain.Pip,
	})
	if err != nil {
		return nil, err
	}
	if err := python.ValidateVenv(ctx); err != nil {
		return nil, err
	}
	cmd, err := python.Command(ctx, append([]string{
		"-u", filepath.Join(filepath.Dir(self), "pulumi-language-python-exec"),
		"--monitor", req.GetMonitorAddress(),
		"--engine", h.engineAddress,
		"--project", req.GetProject(),
		"--stack", req.GetStack(),
		"--organization", req.GetOrganization(),
		"--root_directory", info.GetRootDirectory(),
		"--pwd", req.GetPwd(),
		"--dry_run", strconv.FormatBool(req.GetDryRun()),
		"--parallel", strconv.Itoa(int(req.GetParallel())),
		info.GetEntryPoint(),
	}, req.GetArgs()...)...)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(req.GetConfig())
	if err != nil {
		return nil, err
	}
	secretKeys, err := json.Marshal(req.GetConfigSecretKeys())
	if err != nil {
		return nil, err
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "PULUMI_CONFIG="+string(config), "PULUMI_CONFIG_SECRET_KEYS="+string(secretKeys))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd, nil
}

func serve(engineAddress string) error {
	// The engine is our parent: when it no longer answers, nobody waits for the program any more.
	ctx, stop := context.WithCancel(context.Background())
	cancel := make(chan bool)
	go func() {
		<-ctx.Done()
		close(cancel)
	}()
	if err := rpcutil.Healthcheck(ctx, engineAddress, 5*time.Second, stop); err != nil {
		return fmt.Errorf("watching the engine at %s: %w", engineAddress, err)
	}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{engineAddress: engineAddress})
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port) // the first line on stdout tells the engine where to call
	return <-handle.Done
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "pulumi-language-python is started by the Pulumi engine, which gives its own address.")
		os.Exit(2)
	}
	if err := serve(os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
