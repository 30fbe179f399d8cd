package kubernetes

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// faults says what of a pod is more than the Pod Security Standard "restricted" allows
// (kubernetes.io/docs/concepts/security/pod-security-standards), and than these servers need: they write no file and ask
// Kubernetes for nothing.
func faults(p pod) (found []string) {
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if p.HostNetwork || p.HostPID || p.HostIPC {
		say("it shares a namespace of the host")
	}
	if s := p.SecurityContext; s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser != 65532 || s.RunAsGroup != 65532 {
		say("it runs as %d:%d, want 65532 as in the image", s.RunAsUser, s.RunAsGroup)
	}
	if p.SecurityContext.SeccompProfile.Type != "RuntimeDefault" {
		say("it may make any system call")
	}
	if p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken {
		say("it has a token of Kubernetes'")
	}
	if p.EnableServiceLinks == nil || *p.EnableServiceLinks {
		say("other Services' names come into its environment")
	}
	if len(p.Volumes) > 0 {
		say("it has volumes")
	}
	for _, c := range slices.Concat(p.InitContainers, p.Containers) {
		s := c.SecurityContext
		if s.Privileged || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation {
			say("%s may become more than it is", c.Name)
		}
		if !s.ReadOnlyRootFilesystem {
			say("%s may write to its root", c.Name)
		}
		if !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) || len(s.Capabilities.Add) > 0 {
			say("%s has capabilities", c.Name)
		}
		for _, port := range c.Ports {
			if port.HostPort != 0 || port.ContainerPort < 1024 {
				say("%s has the port %d, on the host %d", c.Name, port.ContainerPort, port.HostPort)
			}
		}
	}
	return found
}

func TestConfined(t *testing.T) {
	for overlay, variants := range overlays {
		all := build(t, overlay)
		for _, v := range variants {
			p, _ := server(t, all, v)
			for _, fault := range faults(p) {
				t.Errorf("%s, %s: %s", overlay, v, fault)
			}
		}
	}
	// Each of them can be found.
	o := find(t, build(t, "edge"), "Deployment", "ws-single")
	for _, wrong := range []struct{ have, want, says string }{
		{"runAsNonRoot: true", "runAsNonRoot: false", "it runs as"},
		{"runAsUser: 65532", "runAsUser: 0", "it runs as 0:65532"},
		{"type: RuntimeDefault", "type: Unconfined", "any system call"},
		{"automountServiceAccountToken: false", "automountServiceAccountToken: true", "a token"},
		{"enableServiceLinks: false", "hostNetwork: true", "of the host"},
		{"enableServiceLinks: false", "enableServiceLinks: true", "other Services"},
		{"allowPrivilegeEscalation: false", "privileged: true", "become more"},
		{"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "its root"},
		{"- ALL", "- NET_RAW", "capabilities"},
		{"containerPort: 3002", "containerPort: 80", "the port 80"},
	} {
		text := o.text(t)
		changed := strings.Replace(text, wrong.have, wrong.want, 1)
		if changed == text {
			t.Fatalf("there is no %q in\n%s", wrong.have, text)
		}
		p := as[deployment](t, read(t, changed)[0]).Spec.Template.Spec
		if got := strings.Join(faults(p), "; "); !strings.Contains(got, wrong.says) {
			t.Errorf("with %q it says %q, want %q", wrong.want, got, wrong.says)
		}
	}
}
