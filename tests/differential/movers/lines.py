"""What stands behind recordio and fixcrio, alone and behind a server."""

NOT_TO_BE_RUN = [[], ["-h"], ["nonexistent"], [""], ["/"], ["/dev/null"], ["--"]]
ENDS = ["exit 3", "kill -9 $$", "echo hi; exit 5", "exec sh -c 'exit 7'"]  # of a shell
