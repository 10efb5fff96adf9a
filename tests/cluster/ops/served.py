"""The kinds in the fake cluster's discovery: those of a complete platform."""

KINDS = {
    "v1": ["Namespace", "ConfigMap", "Service", "Secret", "PersistentVolumeClaim"],
    "apps/v1": ["StatefulSet", "Deployment"],
    "batch/v1": ["Job", "CronJob"],
    "policy/v1": ["PodDisruptionBudget"],
    "networking.k8s.io/v1": ["NetworkPolicy"],
    "storage.k8s.io/v1": ["StorageClass"],
    "rbac.authorization.k8s.io/v1": ["Role", "RoleBinding"],
    "serving.knative.dev/v1": ["Service", "Configuration", "Revision", "Route"],
    "serving.knative.dev/v1beta1": ["DomainMapping"],
    "networking.internal.knative.dev/v1alpha1": ["ClusterDomainClaim"],
    "eventing.knative.dev/v1": ["Broker", "Trigger"],
    "eventing.knative.dev/v1alpha1": ["RabbitmqBrokerConfig"],
    "sources.knative.dev/v1": ["PingSource"],
    "monitoring.coreos.com/v1": ["PodMonitor", "PrometheusRule"],
    "rabbitmq.com/v1beta1": ["RabbitmqCluster", "Queue"],
}
