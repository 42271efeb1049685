#!/bin/bash
# One module a node under Slurm:  sbatch --nodes=4 deploy/slurm.sh FOLDER
# FOLDER comes from ll.distributed.prepare and lies on a file system that all nodes see.
#SBATCH --job-name=llcourse
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=01:00:00
set -euo pipefail

folder=${1:?usage: sbatch --nodes=MODULES deploy/slurm.sh FOLDER}
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
# Where nodes have several networks:  export GLOO_SOCKET_IFNAME=ib0

srun --kill-on-bad-exit=1 torchrun --nnodes="$SLURM_JOB_NUM_NODES" --nproc-per-node=1 --rdzv-backend=c10d \
  --rdzv-id="$SLURM_JOB_ID" --rdzv-endpoint="${nodes[0]}:29400" --max-restarts=3 -m llcourse worker "$folder"
