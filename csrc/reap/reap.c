/* reap [-t SECONDS] COMMAND...: runs a command and leaves no process of it behind.
 *
 * Whatever the command starts, daemons too, becomes a child of this process when its own parent
 * ends, and is killed when the command has ended, when SECONDS are over, on SIGINT, SIGTERM and
 * SIGHUP, and when the process that called this one dies.
 *
 * Exit status: the command's; 128 and the signal if one killed it or this process; 124 if its time
 * was over; 127 if it could not be started.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIME_OVER = 124, NOT_STARTED = 127, BY_SIGNAL = 128 };

static pid_t start(char **command, const sigset_t *blocked) {
  pid_t child = fork();
  if (child != 0) return child;
  /* a shell ignores these for what it runs in the background */
  (void)signal(SIGINT, SIG_DFL);
  (void)signal(SIGQUIT, SIG_DFL);
  (void)sigprocmask(SIG_UNBLOCK, blocked, NULL);
  (void)execvp(command[0], command);
  perror(command[0]);
  _exit(NOT_STARTED);
}

static int status_of(int ended) {
  return WIFSIGNALED(ended) ? BY_SIGNAL + WTERMSIG(ended) : WEXITSTATUS(ended);
}

/* The command's status, or -1 if it runs on. */
static int reap_ended(pid_t child) {
  int ended = 0, status = -1;
  for (pid_t pid; (pid = waitpid(-1, &ended, WNOHANG)) > 0;)
    if (pid == child) status = status_of(ended);
  return status;
}

static int wait_for(pid_t child, const sigset_t *awaited) {
  for (;;) {
    int signal_number = sigwaitinfo(awaited, NULL);
    if (signal_number == SIGALRM) return TIME_OVER;
    if (signal_number > 0 && signal_number != SIGCHLD) return BY_SIGNAL + signal_number;
    int status = reap_ended(child);
    if (status >= 0) return status;
  }
}

static int kill_children(void) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
  FILE *list = fopen(path, "re");
  if (list == NULL) return -1;
  for (char pid[24]; fscanf(list, "%23s", pid) == 1;)
    (void)kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
  return fclose(list);
}

/* The children of those that are killed become children of this process in turn. */
static int kill_all(void) {
  do {
    if (kill_children() != 0) return -1;
  } while (waitpid(-1, NULL, 0) > 0);
  return 0;
}

static void block_signals(sigset_t *blocked) {
  const int signals[] = {SIGCHLD, SIGALRM, SIGINT, SIGTERM, SIGHUP};
  (void)sigemptyset(blocked);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    (void)sigaddset(blocked, signals[i]);
  (void)sigprocmask(SIG_BLOCK, blocked, NULL);
}

/* False also if the caller has died before it could be told. */
static bool adopt_orphans(void) {
  pid_t parent = getppid();
  return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
         getppid() == parent;
}

int main(int argc, char **argv) {
  bool is_timed = argc > 2 && strcmp(argv[1], "-t") == 0;
  int first = is_timed ? 3 : 1;
  if (argc <= first) return fputs("reap [-t SECONDS] COMMAND...\n", stderr), NOT_STARTED;
  sigset_t awaited;
  block_signals(&awaited);
  if (!adopt_orphans()) return perror("reap"), NOT_STARTED;
  pid_t child = start(argv + first, &awaited);
  if (child < 0) return perror("reap"), NOT_STARTED;
  if (is_timed) (void)alarm((unsigned)strtoul(argv[2], NULL, 10));
  int status = wait_for(child, &awaited);
  if (kill_all() != 0) perror("reap");
  return status;
}
