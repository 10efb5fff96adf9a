#!/usr/bin/env bash
# Makes the EFS file system of the databases for a cluster that exists, and prints its id. Running it
# again finds what is there.
#   knative/eks/file-system.sh bookstore us-east-1
set -euo pipefail
cluster=${1:?name of the EKS cluster}
region=${2:?AWS region}
export AWS_DEFAULT_REGION=$region AWS_PAGER=""

vpc=$(aws eks describe-cluster --name "$cluster" \
    --query cluster.resourcesVpcConfig.vpcId --output text)
# The nodes' group; who is in it may mount.
nodes=$(aws eks describe-cluster --name "$cluster" \
    --query cluster.resourcesVpcConfig.clusterSecurityGroupId --output text)
# A mount target in each zone, in the private subnets that eksctl made.
subnets=$(aws ec2 describe-subnets --output text --query "Subnets[].SubnetId" --filters \
    "Name=vpc-id,Values=$vpc" "Name=tag:kubernetes.io/role/internal-elb,Values=1")
if [ -z "$subnets" ]; then
    echo "No subnet of $vpc has the tag kubernetes.io/role/internal-elb=1: tag its private subnets." >&2
    exit 1
fi

name="$cluster-databases"
# The token makes a second call answer with the first one's file system.
id=$(aws efs describe-file-systems --creation-token "$name" \
    --query "FileSystems[0].FileSystemId" --output text)
if [ "$id" = None ]; then
    # Elastic throughput: the bursting kind runs out of credit at a database's first busy hour.
    id=$(aws efs create-file-system --creation-token "$name" --encrypted --backup \
        --performance-mode generalPurpose --throughput-mode elastic \
        --tags "Key=Name,Value=$name" --query FileSystemId --output text)
fi

group=$(aws ec2 describe-security-groups --output text --query "SecurityGroups[0].GroupId" \
    --filters "Name=vpc-id,Values=$vpc" "Name=group-name,Values=$name")
if [ "$group" = None ]; then
    group=$(aws ec2 create-security-group --group-name "$name" --vpc-id "$vpc" \
        --description "NFS from the nodes of $cluster" --query GroupId --output text)
    aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 2049 \
        --source-group "$nodes" > /dev/null
fi

until [ "$(aws efs describe-file-systems --file-system-id "$id" \
    --query "FileSystems[0].LifeCycleState" --output text)" = available ]; do
    sleep 2
done
there=$(aws efs describe-mount-targets --file-system-id "$id" \
    --query "MountTargets[].SubnetId" --output text)
for subnet in $subnets; do
    case " ${there//$'\t'/ } " in
        *" $subnet "*) ;;
        *) aws efs create-mount-target --file-system-id "$id" --subnet-id "$subnet" \
            --security-groups "$group" > /dev/null ;;
    esac
done
echo "$id"
